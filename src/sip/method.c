#include "sip/method.h"

static const struct sr_str names[SIP_METHOD_COUNT] = {{"", 0},
#define X(name) {#name, sizeof(#name) - 1},
                                                      SIP_METHOD_MAP(X)
#undef X
};

enum sip_method sip_method_of(struct sr_str name)
{
    if (!name.n)
        return SIP_METHOD_OTHER;
    for (unsigned i = 1; i < SIP_METHOD_COUNT; i++)
        if (names[i].n == name.n && names[i].p[0] == name.p[0] &&
            memcmp(names[i].p, name.p, name.n) == 0)
            return (enum sip_method)i;
    return SIP_METHOD_OTHER;
}

const char *sip_method_name(enum sip_method method)
{
    return (unsigned)method < SIP_METHOD_COUNT ? names[method].p : "";
}
