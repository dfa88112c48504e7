/**
 * @file config_load.h  Configuration text to one immutable generation, or to a list of faults.
 *
 * Every fault has a JSON pointer, line, column, a plain sentence and mostly a suggestion. Errors
 * refuse the file; warnings and notices ("not built yet") do not.
 *
 * Layer:   control
 * Memory:  struct config_faults is embedded and owns its texts; the configuration is counted
 * Thread:  re-entrant; reads secret files, certificates' names and the time zone folder: not for
 *          the signalling loop
 */
#ifndef SR_CONTROL_CONFIG_LOAD_H
#define SR_CONTROL_CONFIG_LOAD_H

#include "base/arena.h"
#include "base/buf.h"
#include "call/config.h"

enum {
    CONFIG_FAULTS_MAX = 100, /* further ones are only counted */
    CONFIG_FAULTS_BYTES_MAX = 1 << 20,
    CONFIG_SECRET_BYTES_MAX = 4096, /* of a secret in a file */
};

enum config_severity {
    CONFIG_NOTICE,
    CONFIG_WARNING,
    CONFIG_ERROR,
};

struct config_fault {
    enum config_severity severity;
    uint32_t line; /* from 1; 0: the file as a whole */
    uint32_t column;
    struct sr_str pointer;    /* JSON pointer */
    struct sr_str message;    /* one sentence */
    struct sr_str suggestion; /* what to do; may be empty */
};

struct config_faults { /* read-only */
    struct config_fault items[CONFIG_FAULTS_MAX];
    uint32_t count;
    uint32_t dropped; /* not kept, beyond CONFIG_FAULTS_MAX */
    uint32_t error_count;
    uint32_t warning_count;
    uint32_t notice_count;
    struct sr_arena arena;
};

void config_faults_init(struct config_faults *faults);
void config_faults_done(struct config_faults *faults);
/** One more, found by somebody else; the texts are copied. */
void config_faults_add(struct config_faults *faults, enum config_severity severity,
                       const char *pointer, const char *message, const char *suggestion);
/** "error", "warning", "notice". */
const char *config_severity_name(enum config_severity severity);
/** Appends lines "FILE:LINE:COLUMN: error: POINTER: message (suggestion)". */
void config_faults_write_text(const struct config_faults *faults, const char *path,
                              struct sr_buf *out);
/** Appends a JSON array of {severity, pointer, line, column, message, suggestion}. */
void config_faults_write_json(const struct config_faults *faults, struct sr_buf *out);

/** Gives the value of an environment variable, or NULL. */
typedef const char *config_env_fn(const char *name);

struct config_load_options {
    const char *folder;       /* of the file: relative secret files start here; NULL: "." */
    config_env_fn *env;       /* NULL: the process's environment */
    bool ignores_environment; /* secrets by env or file are not read (fuzzing, foreign text) */
};

/**
 * Reads, checks and builds. `faults` must be inited; it is filled in every case.
 *
 * @return SR_OK          ret_config has one reference (there may be warnings)
 *         SR_ERR_SYNTAX  there are errors
 *         SR_ERR_LIMIT   too large
 */
SR_MUST_USE enum sr_err config_load_text(struct sr_str text,
                                         const struct config_load_options *options,
                                         struct config_faults *faults, struct config **ret_config);

/**
 * The same from a file; also warns when others may read a file with secrets. ret_text, when not
 * NULL, gets the text (the buffer must be inited with a maximum of JSONC_BYTES_MAX).
 *
 * @return as above, or SR_ERR_IO (the fault says why)
 */
SR_MUST_USE enum sr_err config_load_file(const char *path, struct config_faults *faults,
                                         struct sr_buf *ret_text, struct config **ret_config);

/** Whether the file still holds just this text. One that cannot be read is nobody's edit: true. */
bool config_file_is(const char *path, struct sr_str text);

#endif
