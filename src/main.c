/* The top floor: which command, with which options. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "control/cli.h"
#include "run.h"

static const char usage[] =
    "siprouter: calls between SIP providers, phones and browsers\n"
    "\n"
    "usage: siprouter COMMAND [OPTIONS]\n"
    "\n"
    "  run          start the router\n"
    "  check        check a configuration file\n"
    "  route        show what a dialled number would do\n"
    "  call, calls, hangup, devices, providers, history, trace, status, reload, drain\n"
    "               talk to the running router\n"
    "  passwd       set a page password\n"
    "  say, bench   the speech engine; what this machine can carry\n"
    "  version      print the version\n"
    "\n"
    "siprouter COMMAND --help tells more.\n";

/* Whoever starts us without standard input, output or error: no file or socket of ours may get these
   numbers, or what is printed would be written into it. */
static void fill_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    fill_standard_files();
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that closes is an error code, not our end */
    if (strcmp(command, "run") == 0)
        return run_main(argc - 1, argv + 1);
    if (strcmp(command, "--version") == 0) {
        (void)puts("siprouter " SR_VERSION);
        return 0;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
        strcmp(command, "-h") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (command[0] == '\0') {
        (void)fputs(usage, stderr);
        return 2;
    }
    return cli_main(argc - 1, argv + 1);
}
