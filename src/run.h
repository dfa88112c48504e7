/**
 * @file run.h  `siprouter run`: wires all rooms together, runs until told to stop.
 */
#ifndef SR_RUN_H
#define SR_RUN_H

/** argv[0] is "run". @return the exit code: 0 ended as asked, 1 could not start, 2 wrong usage */
int run_main(int argc, char **argv);

#endif
