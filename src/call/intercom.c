/* Intercom: the phone called is asked to answer by itself. There is no single way that all phones know:
 * RFC 5373 (Answer-Mode), and the two headers most desk phones look for. */
#include "call/internal.h"

void intercom__headers(const struct call *call, struct sip_leg_invite_options *options)
{
    static const struct sip_leg_header headers[] = {
        {{"Alert-Info", sizeof("Alert-Info") - 1},
         {"<http://127.0.0.1>;info=alert-autoanswer;delay=0",
          sizeof("<http://127.0.0.1>;info=alert-autoanswer;delay=0") - 1}},
        {{"Call-Info", sizeof("Call-Info") - 1},
         {"<sip:127.0.0.1>;answer-after=0", sizeof("<sip:127.0.0.1>;answer-after=0") - 1}},
        {{"Answer-Mode", sizeof("Answer-Mode") - 1}, {"Auto", sizeof("Auto") - 1}},
    };

    if (!call->is_intercom)
        return;
    options->headers = headers;
    options->header_count = SR_ARRAY_LEN(headers);
}
