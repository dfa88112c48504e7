/**
 * @file voices.h  The names of flite's voices: for who speaks and for who checks the configuration.
 *
 * Layer:   speech (names only: nothing to link)
 */
#ifndef SR_SPEECH_VOICES_H
#define SR_SPEECH_VOICES_H

#define SPEECH_FLITE_VOICE_MAP(X) X(slt) X(rms) X(kal16)

#endif
