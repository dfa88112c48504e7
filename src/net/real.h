/**
 * @file real.h  The twin with sockets: what its files share.
 *
 * Layer:   net, private to net/
 */
#ifndef SR_NET_REAL_H
#define SR_NET_REAL_H

#include "base/map.h"
#include "net/net_internal.h"
#include "net/tls.h"
#include "sip/frame.h"

enum {
    REAL_READ_BYTES = 65536,
    REAL_ACCEPTS_PER_TURN = 64,
    REAL_READS_PER_TURN = 8, /* per connection, of REAL_READ_BYTES at most */
    REAL_CLIENT_CTX_MAX = 64,
    REAL_KEY_MAX = 1024,
};

struct listener {
    struct net_real *net;
    enum net_kind kind;
    int fd;
    struct sr_addr addr;
    struct loop_watch *watch;
    struct loop_timer pause; /* TCP: no descriptor left, try again later */
    uint32_t kernel_dropped;
};

/** Connections of one peer address, while there are any. */
struct source {
    char key[17];
    uint32_t count;
};

struct client_ctx {
    char *ca_file; /* NULL: the common trust */
    SSL_CTX *ctx;
};

struct net_real {
    struct net net;
    struct listener *listeners[NET_LISTENERS_MAX];
    size_t listener_count;
    SSL_CTX *server_ctx;
    struct client_ctx clients[REAL_CLIENT_CTX_MAX];
    size_t client_count;
    struct sr_map sources; /* struct source by address */
    struct sr_map dialed;  /* struct stream by "kind remote name trust" */
    char read_buf[REAL_READ_BYTES];
};

enum stream_state {
    STREAM_CONNECTING,
    STREAM_HANDSHAKE,
    STREAM_OPEN,
    STREAM_FLUSHING, /* closes once everything has left */
    STREAM_DEAD,     /* waits for its last job */
};

struct stream {
    struct net__conn conn;
    struct net_real *net;
    enum stream_state state;
    bool is_dialed;
    int fd;
    struct loop_watch *watch;
    struct tls *tls;       /* NULL: plain TCP */
    struct sr_buf in;      /* received, of a message not complete */
    struct sr_buf out;     /* for the wire */
    struct sr_buf waiting; /* plain, until connected and greeted */
    struct sip_framer framer;
    struct loop_timer timer;
    struct loop_job end; /* tells on_closed and frees */
    sr_usec state_since;
    sr_usec message_since; /* SR_NEVER: no half message */
    sr_usec received_at;
    sr_usec keep_until;
    struct source *sources[2]; /* its address, its IPv6 network; NULL: none */
    char *key;                 /* in net->dialed; NULL: accepted */
    enum sr_err err;
    char why[NET_WHY_MAX];
};

/** A connection accepted from `remote`; takes the descriptor over, closes it when refused. */
void stream__accept(struct net_real *net, const struct listener *listener, int fd,
                    const struct sr_addr *remote);
enum sr_err stream__send(struct net *net, struct net__conn *conn, struct net_flow *flow,
                         const struct net_dial *dial, struct sr_str bytes);
enum sr_err stream__ping(struct net *net, struct net__conn *conn);
void stream__keep(struct net *net, struct net__conn *conn, sr_usec until);
void stream__close(struct net *net, struct net__conn *conn);
/** At once, without telling. */
void stream__free(struct stream *stream);
/** The client context for that trust. */
enum sr_err real__client_ctx(struct net_real *net, const char *ca_file, SSL_CTX **ret_ctx,
                             char *reterr_why);

#endif
