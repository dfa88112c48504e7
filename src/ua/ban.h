/**
 * @file ban.h  Who guesses passwords is slowed, then banned for a while.
 *
 * A source is an IPv4 address, or the /64 network of an IPv6 address; addresses where phones of ours are
 * registered, providers' servers and `security.allow` are each counted alone and slowed only. A check costs
 * the same however many phones there are.
 *
 * Thread:  signalling thread
 * Memory:  a bounded table (UA_BAN_ENTRIES); when it is full the entry that failed longest ago makes room
 */
#ifndef SR_UA_BAN_H
#define SR_UA_BAN_H

#include "base/addr.h"
#include "base/str.h"

struct ua;
struct ua_ban;

struct ua_ban *ban__new(struct ua *ua);
void ban__free(struct ua_ban *ban);
/** Is everything from there dropped? */
bool ban__has_source(struct ua_ban *ban, const struct sr_addr *source);
/** Is this user from there dropped (or, where sources are only slowed, not its turn yet)? */
bool ban__has_user(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user);
void ban__failure(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user);
/** The user proved itself: its count is forgotten. */
void ban__success(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user);
/** A provider's server is found there: a ban of it, or of its network, is not in force against it. */
void ban__spare(struct ua_ban *ban, const struct sr_addr *server);
/** May an emergency call of a banned source (or user of it) try? One wrong password in 30 s ends that. */
bool ban__lets_emergency(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user);
uint32_t ban__count(struct ua_ban *ban);

#endif
