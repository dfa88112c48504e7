/**
 * @file apps.h  The applications run.c registers with the hub.
 *
 * Layer:   apps
 * Thread:  signalling thread
 */
#ifndef SR_APPS_APPS_H
#define SR_APPS_APPS_H

#include "call/app.h"

/** "*43": who calls hears himself. No state. */
extern const struct app_ops app_echo;

/**
 * Numbers that are answered with a sentence: "*600" tells the time; voicemail, until it is built, that it
 * is not (reason not_built). No state; registered last: it takes what is left.
 */
extern const struct app_ops app_announce;

/** Conference rooms by extension. One state for all rooms. */
extern const struct app_ops app_conference;
struct conference_rooms;
struct conference_rooms *conference_rooms_new(void);
void conference_rooms_free(struct conference_rooms *rooms); /* after the engine stopped */

/** Parking slots by number. One state for all. */
extern const struct app_ops app_parking;
struct parking;
struct parking *parking_new(void);
void parking_free(struct parking *parking); /* after the engine stopped */

#endif
