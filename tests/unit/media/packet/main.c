#include "media/packet/tests.h"

int main(void)
{
    int failed = test_rtp() + test_rtcp() + test_latch() + test_dtmf() + test_quality();

    failed += test_jitter() + test_playout();
    return failed > 0;
}
