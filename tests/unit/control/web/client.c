#include "test_web.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control/http_parse.h"

int client_open(uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 30};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

void client_raw(uint16_t port, const char *request, struct answer *answer)
{
    int fd = client_open(port);
    size_t len = 0;
    ssize_t n;

    memset(answer, 0, sizeof(*answer));
    send_text(fd, request);
    while (len < sizeof(answer->text) - 1 &&
           (n = recv(fd, answer->text + len, sizeof(answer->text) - 1 - len, 0)) > 0)
        len += (size_t)n;
    close(fd);
    if (len > 12)
        answer->status = (int)strtol(answer->text + 9, NULL, 10);
}

void client_ask(uint16_t port, const char *method, const char *path, const char *headers,
                const char *body, struct answer *answer)
{
    static char request[65536];

    (void)snprintf(request, sizeof(request),
                   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   method, path, port, headers, body != NULL ? strlen(body) : 0,
                   body != NULL ? body : "");
    client_raw(port, request, answer);
}

static bool read_exactly(int fd, void *out, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t k = recv(fd, (char *)out + got, n - got, 0);

        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

int client_socket(uint16_t port, const char *path, const char *headers)
{
    char text[4096];
    size_t len = 0;
    int fd = client_open(port);

    (void)snprintf(text, sizeof(text),
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%sUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   path, port, headers);
    send_text(fd, text);
    while (len < sizeof(text) - 1 && read_exactly(fd, text + len, 1)) {
        text[++len] = '\0';
        if (len >= 4 && memcmp(text + len - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    if (strstr(text, " 101 ") != NULL && strstr(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL)
        return fd;
    close(fd);
    return -1;
}

void client_say(int fd, const char *text)
{
    size_t n = strlen(text);
    char frame[6 + 125] = {(char)0x81, (char)(0x80 | n), 0, 0, 0, 0}; /* a mask of zeros */

    assert_true(n <= 125);
    memcpy(frame + 6, text, n);
    assert_int_equal(send(fd, frame, 6 + n, MSG_NOSIGNAL), (ssize_t)(6 + n));
}

bool client_message(int fd, char *out, size_t size)
{
    struct http_ws_frame frame;
    char head[HTTP_WS_HEAD_BYTES_MAX];
    size_t n = 0;

    do {
        if (!read_exactly(fd, head + n, 1))
            return false;
        n++;
    } while (http_ws_frame_parse(sr_str_make(head, n), &frame) == SR_ERR_AGAIN);
    if (frame.length >= size || !read_exactly(fd, out, (size_t)frame.length))
        return false;
    out[frame.length] = '\0';
    return frame.opcode == HTTP_WS_TEXT;
}
