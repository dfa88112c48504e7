/**
 * @file replay.c  Runs a fuzz harness over files instead of a fuzzer, so that seeds and past crashes
 * are part of the test run.
 *
 * Arguments: directories (one that does not exist is skipped) and files. Fails when nothing was run.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    if (fseek(file, 0, SEEK_END) != 0)
        exit(1);
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        exit(1);
    /* exactly as large as the input, so that a sanitizer sees every byte read too far */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: short read\n", path);
        exit(1);
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 1;
}

static unsigned run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return 0;
    if (!S_ISDIR(info.st_mode))
        return run_file(path);
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort);
    unsigned done = 0;
    for (int i = 0; i < count; i++) {
        char child[4096];
        int n = snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && n > 0 && (size_t)n < sizeof child)
            done += run_path(child);
        free(names[i]);
    }
    free(names);
    return done;
}

int main(int argc, char **argv)
{
    unsigned done = 0;
    for (int i = 1; i < argc; i++)
        done += run_path(argv[i]);
    printf("%u inputs\n", done);
    return done > 0 ? 0 : 1;
}
