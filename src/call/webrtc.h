/**
 * @file webrtc.h  Browsers in the hub: pages that are phones, and the SDP profile they share with phones
 * on WebSocket. Only src/call/ includes this.
 *
 * Layer:   call, private
 * Thread:  signalling thread
 */
#ifndef SR_CALL_WEBRTC_H
#define SR_CALL_WEBRTC_H

#include "call/internal.h"

/* ---- ring.c ---- */
/** Rings the pages of that device (or guest) which `owner` has opened: the first leg of its call. */
enum call_reason ring__own_browsers(struct call *call, struct sr_str device_id,
                                    struct sr_str owner);
/** This branch has won; its answer comes later with ring__branch_answered. The others end now. */
void ring__claim(struct leg *leg);

/* ---- leg_sdp.c ---- */
/** Our description as it was said last, once more. */
enum sr_err leg__write_again(struct leg *leg, struct sr_buf *buf);
/** What was agreed, for media. Needs no call. */
void leg__fill_stream(const struct leg *leg, struct media_stream *ret_stream);

/* ---- leg_webrtc.c ---- */
/** Whether a description is of a peer that wants ICE and DTLS-SRTP. */
bool webrtc__is_offered(const struct sdp_audio *peer);
/** @return SR_OK; SR_ERR_SYNTAX; SR_ERR_UNSUPPORTED a hash that proves nothing */
enum sr_err webrtc__read_fingerprint(const struct sdp_audio *peer,
                                     struct dtls_fingerprint *ret_fingerprint);
/** "sha-256 AA:BB:..." into our description. */
void webrtc__put_fingerprint(const char *text, struct sdp_audio *ours);
/** Our DTLS role by both descriptions. */
bool webrtc__is_client(const struct sdp_audio *ours, const struct sdp_audio *peer);
/** What an offer of ours begins with. */
void webrtc__begin_offer(struct sdp_audio *ours);
/** Tells the media leg of the peer; `ours`: with our setup role. */
enum sr_err webrtc__set_remote(struct leg *leg, const struct sdp_audio *ours);
/** Lines of a description that only this profile has; extras point into it. */
struct webrtc_lines {
    struct sdp_candidate candidates[ICE_CANDIDATES_MAX];
    char foundations[ICE_CANDIDATES_MAX][12];
    struct sdp_extras extras;
};
/** Completes ours with ICE, fingerprint, address and candidates. */
enum sr_err webrtc__complete(struct leg *leg, struct sdp_audio *ours,
                             struct webrtc_lines *ret_lines);

/* ---- browser.c: pages that are phones ---- */
struct browsers *browsers__new(struct engine *engine);
/** All that is left goes without a word. */
void browsers__stop(struct browsers *browsers);
void browsers__free(struct browsers *browsers);
void browsers__serve(struct engine *engine, const struct engine_command *command);
/** Branches for the pages of a device or guest; owner empty: whoever opened them. */
void browsers__ring(struct ring *ring, struct sr_str device_id, struct sr_str owner);
/** Branches for all guests (ringBrowsers). */
void browsers__ring_guests(struct ring *ring);
/** Whether `owner` has a page open for that device or guest. */
bool browsers__has(const struct engine *engine, struct sr_str device_id, struct sr_str owner);
/** Appends the device's pages to what people see of it. */
void browsers__add_contacts(const struct engine *engine, struct sr_str device_id,
                            struct engine_device_view *view);
/** The leg left its call: tells the page. */
void browsers__leg_removed(struct leg *leg);
/** The leg is in another call than `from` now: tells the page, whose session goes on. */
void browsers__leg_moved(struct leg *leg, const struct call *from);
/** The leg is freed before its media has closed (the engine stops). */
void browsers__leg_freed(struct leg *leg);
/** Sessions whose media is open. */
uint32_t browsers__session_count(const struct engine *engine);
/** Whether a media event is about a session of a page: their cookies are another kind. */
bool browsers__is_cookie(uint64_t cookie);
/** The leg of that session, or NULL: it has none, or is gone. */
struct leg *browsers__find_leg(const struct engine *engine, uint64_t cookie);
/**
 * Nothing was heard of the leg for its time-out. @return true: it is a page that is away, which has a limit of its own (30 s
 * from the later of its last check and its socket's close; with a socket that looks alive, 30 s from now)
 */
bool browsers__stays_silent(struct leg *leg);
/** What media tells of a session, before its leg hears of it. CLOSED: after, the session is freed. */
void browsers__on_media(struct engine *engine, const struct media_event *event);

#endif
