/**
 * @file machine.h  Whether this machine fits the configuration: said once at start, in words.
 *
 * Layer:   top
 * Thread:  before the router starts
 */
#ifndef SR_MACHINE_H
#define SR_MACHINE_H

#include "call/config.h"

/** Raises the limit of open files as far as allowed, then logs a warning (event=few_files,
    few_ports, shared_ports, small_buffers, many_threads) for each thing that will hurt under load.
    @return how many */
unsigned machine_check(const struct config *config);

/**
 * A full disk must not keep the house without telephones: half a megabyte of it, kept in
 * DATA/run/reserve, is given back when a start finds too little, and is taken again when there is room.
 */
void machine_use_reserve(const char *data_path);  /* before the database is opened */
void machine_keep_reserve(const char *data_path); /* once all runs */

#endif
