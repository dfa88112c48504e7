#include "kit.h"

#include <signal.h>

/* The child of the crash test starts a thread of its own; TSan would end it otherwise. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

int main(void)
{
    int failed = 0;

    signal(SIGXFSZ, SIG_IGN); /* a full disk shall be an error, not the end */
    failed += test_history();
    failed += test_contacts();
    failed += test_users();
    failed += test_queue();
    failed += test_crash();
    failed += test_sqlite();
    return failed == 0 ? 0 : 1;
}
