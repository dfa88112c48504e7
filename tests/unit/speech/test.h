#ifndef TEST_SPEECH_H
#define TEST_SPEECH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "speech/speaker.h"
#include "speech/speech.h"

int test_cache(void);
int test_convert(void);
int test_file(void);
int test_speech(void);
int test_words(void);

enum {
    TEST_PATH_MAX = 256
};

/** A folder of its own; removed with all files in it by test_dir_done. */
void test_dir_new(char path[TEST_PATH_MAX]);
void test_dir_done(const char *path);
/** A WAV file of a sine, 16 bit; gives its bytes. */
size_t test_write_sine(const char *path, uint32_t rate_hz, double hz, uint32_t ms);

#endif
