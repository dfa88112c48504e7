/* GET /ca.crt and /trust: the router's own certificate authority, and how to trust it. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <unistd.h>

#include "control/api.h"
#include "control/web_internal.h"

enum {
    TRUST_CA_BYTES_MAX = 16 * 1024,
    TRUST_PRINT_MAX = 3 * EVP_MAX_MD_SIZE + 1,
};

static const char trust_css[] =
    ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"
    "body{max-width:42rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.5rem}"
    "a.get{display:inline-block;padding:.6rem 1.2rem;border:2px solid;border-radius:.5rem;"
    "font-weight:600;text-decoration:none}"
    "code{overflow-wrap:anywhere}li{margin:.25rem 0}";

static const char trust_head[] =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>Trust this router</title>"
    "<link rel=\"stylesheet\" href=\"/trust.css\"></head><body><main>"
    "<h1>Trust this router</h1>";

static const char trust_configured[] =
    "<p>This router uses a certificate that its administrator configured. There is nothing to "
    "install here: if your browser warns, that certificate is the place to look.</p>";

static const char trust_why[] =
    "<p>A browser only gives the microphone to a page it trusts. This router made its own "
    "certificate authority, which may sign for the names and addresses of this router and for "
    "nothing else. Install it once on each device that opens the page.</p>"
    "<p><a class=\"get\" href=\"/ca.crt\" download=\"siprouter-ca.crt\">Download the "
    "certificate</a></p>";

static const char trust_how[] =
    "<h2>Windows</h2><ol><li>Open the file, choose <em>Install Certificate</em>, "
    "<em>Local Machine</em> or <em>Current User</em>.</li><li>Choose <em>Place all certificates in "
    "the following store</em>: <em>Trusted Root Certification Authorities</em>.</li></ol>"
    "<h2>macOS</h2><ol><li>Open the file: Keychain Access takes it.</li><li>Double-click it there, "
    "open <em>Trust</em>, choose <em>Always Trust</em>.</li></ol>"
    "<h2>iPhone, iPad</h2><ol><li>Open this page in Safari and download.</li><li>Settings, "
    "<em>Profile Downloaded</em>, Install.</li><li>Settings, General, About, <em>Certificate Trust "
    "Settings</em>: switch it on.</li></ol>"
    "<h2>Android</h2><ol><li>Settings, Security, Encryption and credentials, <em>Install a "
    "certificate</em>, <em>CA certificate</em>; choose the file.</li></ol>"
    "<h2>Linux: Chrome and Chromium</h2><ol><li><code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, "
    "-n "
    "siprouter -i siprouter-ca.crt</code></li></ol>"
    "<h2>Firefox</h2><ol><li>Settings, Privacy &amp; Security, <em>View Certificates</em>, "
    "<em>Authorities</em>, <em>Import</em>; tick <em>identify websites</em>.</li></ol>"
    "<h2>Whole system, Debian and Ubuntu</h2><ol><li><code>sudo cp siprouter-ca.crt "
    "/usr/local/share/ca-certificates/ &amp;&amp; sudo update-ca-certificates</code></li></ol>";

/* The CA's file as it is: PEM, which every system takes. False: there is none. */
static bool read_ca(const struct web *web, struct sr_buf *buf)
{
    int fd = web->tls.ca_path[0] != '\0' ? open(web->tls.ca_path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = 0;

    if (fd < 0)
        return false;
    n = read(fd, sr_buf_reserve(buf, TRUST_CA_BYTES_MAX / 2), TRUST_CA_BYTES_MAX / 2);
    close(fd);
    if (n <= 0)
        return false;
    sr_buf_commit(buf, (size_t)n);
    return true;
}

/* "AA:BB:..", to be compared with what the system shows. */
static bool fingerprint(struct sr_str pem, char out[TRUST_PRINT_MAX])
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool is_ok = cert != NULL && X509_digest(cert, EVP_sha256(), digest, &n) == 1;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, TRUST_PRINT_MAX - 1);
    for (unsigned i = 0; is_ok && i < n; i++)
        sr_buf_fmt(&buf, "%s%02X", i > 0 ? ":" : "", digest[i]);
    out[buf.len] = '\0';
    X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    return is_ok;
}

void api_ca(struct api_call *call)
{
    struct api_problem problem = {
        .status = 404, .detail = "this router uses a configured certificate, or HTTPS is off"};
    struct http_reply reply = {
        .status = 200,
        .content_type = "application/x-x509-ca-cert",
        .headers = SR_STR("Content-Disposition: attachment; filename=\"siprouter-ca.crt\"\r\n"),
    };
    struct sr_buf pem;

    sr_buf_init(&pem, TRUST_CA_BYTES_MAX);
    if (read_ca(call->web, &pem)) {
        reply.body = sr_buf_view(&pem);
        api_answer(call->web, call->ticket, &reply);
    } else {
        api_answer_problem(call->web, call->ticket, &problem);
    }
    sr_buf_done(&pem);
}

void api_trust(struct api_call *call)
{
    struct http_reply reply = {.status = 200, .content_type = "text/html; charset=utf-8"};
    char print[TRUST_PRINT_MAX];
    struct sr_buf pem, page;

    sr_buf_init(&pem, TRUST_CA_BYTES_MAX);
    sr_buf_init(&page, 64 * 1024);
    sr_buf_c(&page, trust_head);
    if (read_ca(call->web, &pem) && fingerprint(sr_buf_view(&pem), print)) {
        sr_buf_c(&page, trust_why);
        sr_buf_fmt(&page, "<p>SHA-256 of the certificate: <code>%s</code></p>", print);
        sr_buf_c(&page, trust_how);
        sr_buf_c(&page, "<p>Then close the browser once and open <a href=\"/\">the page</a>.</p>");
    } else {
        sr_buf_c(&page, trust_configured);
    }
    sr_buf_c(&page, "</main></body></html>\n");
    reply.body = sr_buf_view(&page);
    api_answer(call->web, call->ticket, &reply);
    sr_buf_done(&pem);
    sr_buf_done(&page);
}

void api_trust_css(struct api_call *call)
{
    struct http_reply reply = {
        .status = 200, .content_type = "text/css; charset=utf-8", .body = sr_str_c(trust_css)};

    api_answer(call->web, call->ticket, &reply);
}
