#include "test.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/wav.h"

void test_dir_new(char path[TEST_PATH_MAX])
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(path, TEST_PATH_MAX, "%s/speech-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

void test_dir_done(const char *path)
{
    struct dirent *item;
    DIR *dir = opendir(path);

    assert_non_null(dir);
    while ((item = readdir(dir)) != NULL) {
        char name[2 * TEST_PATH_MAX + 16];
        struct stat info;

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, item->d_name);
        if (lstat(name, &info) == 0 && S_ISDIR(info.st_mode))
            test_dir_done(name);
        else
            assert_int_equal(unlink(name), 0);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

size_t test_write_sine(const char *path, uint32_t rate_hz, double hz, uint32_t ms)
{
    struct wav wav = {.format = WAV_PCM16, .channels = 1, .rate_hz = rate_hz, .frame_bytes = 2};
    uint8_t header[WAV_HEADER_BYTES];
    FILE *file = fopen(path, "wb");
    size_t bytes;

    assert_non_null(file);
    wav.frame_count = (size_t)rate_hz * ms / 1000;
    wav_header_write(header, &wav);
    assert_int_equal(fwrite(header, sizeof(header), 1, file), 1);
    for (size_t i = 0; i < wav.frame_count; i++) {
        int16_t value = (int16_t)lrint(10000 * sin(2 * M_PI * hz * (double)i / rate_hz));

        assert_int_equal(fwrite(&value, sizeof(value), 1, file), 1);
    }
    bytes = sizeof(header) + wav.frame_count * sizeof(int16_t);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

int main(void)
{
    int failed = test_words() + test_convert() + test_file() + test_cache() + test_speech();

    return failed ? 1 : 0;
}
