#ifndef TEST_WORKER_H
#define TEST_WORKER_H

int test_mshare(void);
int test_pipe(void);
int test_play(void);
int test_port_threads(void);
int test_secure(void);
int test_srtp_dtls(void);

#endif
