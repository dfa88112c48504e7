/**
 * @file providers.h  Legs and states of providers. Only src/call/ includes this.
 *
 * Thread:  signalling thread
 * Memory:  as each function says
 */
#ifndef SR_CALL_PROVIDERS_H
#define SR_CALL_PROVIDERS_H

#include "call/internal.h"

/* ---- providers.c ---- */
/** Fills what the user agent is to know of providers; the array is to be freed once it was given. */
struct ua_provider *providers__settings(const struct config *config, struct ua_settings *settings);
void engine__on_provider(void *arg, const struct ua_provider_event *event);
void engine__provider_view(struct engine *engine, const struct config_provider *provider,
                           struct engine_provider_view *ret_view);
/** What stands before a provider's id in engine->device_calls. */
#define PROVIDER_CALLS "provider "
/** Adds to the number of live calls of a provider; gives the new number. */
uint32_t engine__provider_calls(struct engine *engine, struct sr_str provider_id, int change);
/** Once a second: tells of devices and providers whose number of calls is another one than told last. */
void engine__tell_call_counts(struct engine *engine);
/** Another configuration: drops what was told of devices and providers that are gone. */
void engine__forget_call_counts(struct engine *engine);
void providers__count(struct engine *engine, struct engine_status *status);

/* ---- provider_leg.c ---- */
/** A call of a provider. */
void engine__on_provider_invite(struct engine *engine, struct sip_leg *sip,
                                const struct ua_invite *invite);
/** Offers our present address to the provider's side of an answered call. */
void leg__tell_address(struct leg *leg);
/**
 * Adds one branch to a fork: `outside->dialled` through `provider`. The number is written as the
 * provider wants it (normalised, stripped, prefixed by the caller of this). outside->caller_id is the
 * number shown to the party; empty: the provider's callerId, else its user name; "anonymous": withheld.
 *
 * @return NONE: it is on its way, events follow as for any branch; LIMIT: maxCalls of the provider,
 *         or no leg or port is free; UNREACHABLE: the provider has no usable address now
 *         (a leg that is gone already tells the record why); NOT_ALLOWED: it is disabled. Then no
 *         branch was added.
 *
 * While the provider's name is being looked up the branch waits (leg->is_waiting).
 */
enum call_reason ring__provider(struct ring *ring, const struct config_provider *provider,
                                const struct ring_outside *outside);
/** The waiting is over: invites, or fails as a provider that cannot be reached. */
void leg__looked_up(struct leg *leg);

#endif
