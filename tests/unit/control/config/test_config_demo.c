#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config_demo.h"
#include "tests.h"

/** The first file loads without a word, is private, and is never written over. */
static void first_file_is_right_and_private(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_config_XXXXXX";
    char path[128];
    struct config_demo demo;
    struct config_demo again;
    struct config_faults faults;
    struct config *config = NULL;
    struct stat info, before;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    assert_int_equal(config_demo_write(path, &demo), SR_OK);
    assert_int_equal(config_demo_write(path, &again), SR_ERR_EXISTS);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    config_faults_init(&faults);
    assert_int_equal(config_load_file(path, &faults, NULL, &config), SR_OK);
    assert_int_equal(faults.count, 0);
    assert_text(config_device_by_extension(config, SR_STR("101"))->password, demo.password_101);
    assert_text(config_device_by_extension(config, SR_STR("102"))->password, demo.password_102);
    assert_true(strcmp(demo.password_101, demo.password_102) != 0);
    assert_non_null(config_conference_by_extension(config, SR_STR("800")));
    assert_non_null(config_feature_by_code(config, SR_STR("*43")));
    config_unref(config);
    config_faults_done(&faults);

    /* others may read it: a warning */
    assert_int_equal(chmod(path, 0644), 0);
    config_faults_init(&faults);
    assert_int_equal(config_load_file(path, &faults, NULL, &config), SR_OK);
    assert_int_equal(faults.warning_count, 1);
    config_unref(config);
    config_faults_done(&faults);

    /* replaced in one step, mode and owner kept */
    assert_int_equal(chmod(path, 0640), 0);
    (void)!chown(path, 12345, 54321); /* where we may */
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(config_file_replace(path, SR_STR("{ \"realm\": \"new\" }\n")), SR_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(info.st_uid, before.st_uid);
    assert_int_equal(info.st_gid, before.st_gid);
    struct sr_buf text;
    sr_buf_init(&text, JSONC_BYTES_MAX);
    config_faults_init(&faults);
    assert_int_equal(config_load_file(path, &faults, &text, &config), SR_OK);
    assert_text(sr_buf_view(&text), "{ \"realm\": \"new\" }\n");
    config_unref(config);
    config_faults_done(&faults);
    sr_buf_done(&text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/** A file that is not there is one fault with the reason. */
static void missing_file_is_a_fault(void **state)
{
    (void)state;
    struct config_faults faults;
    struct config *config = NULL;
    config_faults_init(&faults);
    assert_int_equal(config_load_file("/nonexistent/config.json", &faults, NULL, &config),
                     SR_ERR_IO);
    assert_int_equal(faults.error_count, 1);
    assert_int_equal(config_load_file("/", &faults, NULL, &config), SR_ERR_IO);
    config_faults_done(&faults);
}

/** Who cannot write the file is told what to do about it. */
static void why_a_file_is_not_replaced_says_the_cure(void **state)
{
    (void)state;
    assert_int_equal(config_file_replace("/nonexistent/config.json", SR_STR("{}")), SR_ERR_IO);
    assert_string_equal(config_file_why(errno), strerror(ENOENT));
    assert_non_null(strstr(config_file_why(EBUSY), "mount its folder"));
    assert_non_null(strstr(config_file_why(EROFS), "read-only"));
    assert_non_null(strstr(config_file_why(EACCES), "the router's user"));
}

int test_config_demo(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_file_is_right_and_private),
        cmocka_unit_test(missing_file_is_a_fault),
        cmocka_unit_test(why_a_file_is_not_replaced_says_the_cure),
    };
    return cmocka_run_group_tests_name("config_demo", tests, NULL, NULL);
}
