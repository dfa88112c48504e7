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
    ":root{color-scheme:light dark;--ground:#f3f4f2;--card:#fff;--ink:#1a1f1e;--quiet:#56615e;"
    "--line:#dcdfdb;--accent:#0b6e6e;--on:#fff;font:1rem/1.5 system-ui,'DejaVu Sans',sans-serif}"
    "@media (prefers-color-scheme:dark){:root{--ground:#131617;--card:#1b1f20;--ink:#e6eae8;"
    "--quiet:#a0aca8;--line:#2e3435;--accent:#5cc8c0;--on:#06201f}}"
    "body{margin:0;background:var(--ground);color:var(--ink)}"
    "main{max-width:40rem;margin:0 auto;padding:2rem 1rem 4rem}"
    ".brand{display:flex;gap:.6rem;align-items:center;font-weight:700}.brand img{width:1.75rem}"
    "h1{font-size:1.5rem;margin:1.25rem 0 .5rem}h2{font-size:1.05rem;margin:0}"
    "section,details{background:var(--card);border:1px solid var(--line);border-radius:14px;"
    "padding:.9rem 1.1rem;margin-top:.75rem}"
    "summary{cursor:pointer;font-weight:600}"
    "a{color:var(--accent)}"
    "a.get{display:inline-block;padding:.65rem 1.2rem;border-radius:9px;background:var(--accent);"
    "color:var(--on);font-weight:600;text-decoration:none}"
    "a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}"
    ".quiet{color:var(--quiet);font-size:.875rem}ol{margin:.5rem 0 0;padding-left:1.4rem}"
    "code{overflow-wrap:anywhere;user-select:all}li{margin:.35rem 0}";

static const char trust_head[] =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
    "<title>Trust this router</title><link rel=\"icon\" href=\"/icon.svg\">"
    "<link rel=\"stylesheet\" href=\"/trust.css\"></head><body><main>"
    "<div class=\"brand\"><img src=\"/icon.svg\" alt=\"\"><span>siprouter</span></div>"
    "<h1>Trust this router</h1>";

static const char trust_configured[] =
    "<p>This router uses a certificate that its administrator configured. There is nothing to "
    "install here: if your browser warns, that certificate is the place to look.</p>";

static const char trust_why[] =
    "<p>A browser gives the microphone only to a page it trusts. This router made a certificate "
    "of its own, which can vouch for this router's names and addresses and for nothing else. "
    "Install it once on each device that opens the page.</p>"
    "<p><a class=\"get\" href=\"/ca.crt\" download=\"siprouter-ca.crt\">Download the "
    "certificate</a></p>";

/* The first whose word stands in User-Agent is what the reader has before him. */
static const struct {
    const char *word, *title, *steps;
} guides[] = {
    {"iPhone", "iPhone and iPad",
     "<li>Download in Safari, and allow it.</li><li>Settings, <em>Profile Downloaded</em>, "
     "<em>Install</em>.</li><li>Settings, General, About, <em>Certificate Trust Settings</em>: "
     "switch it on.</li>"},
    {"Android", "Android",
     "<li>Settings: search for <em>CA certificate</em> (Security, Encryption and credentials, "
     "Install a certificate), and choose the file.</li>"},
    {"Firefox", "Firefox, on any computer",
     "<li>Settings, Privacy &amp; Security, <em>View Certificates</em>, <em>Authorities</em>, "
     "<em>Import</em>: choose the file.</li><li>Tick <em>Trust this CA to identify "
     "websites</em>.</li>"},
    {"Windows", "Windows: Chrome, Edge",
     "<li>Open the downloaded file, <em>Install Certificate</em>, <em>Current User</em>, "
     "<em>Place all certificates in the following store</em>: <em>Trusted Root Certification "
     "Authorities</em>.</li><li>Or, in one command: <code>certutil -user -addstore Root "
     "\"%USERPROFILE%\\Downloads\\siprouter-ca.crt\"</code></li>"},
    {"Mac OS X", "macOS: Safari, Chrome",
     "<li>In one command, in the Terminal: <code>security add-trusted-cert -r trustRoot -k "
     "~/Library/Keychains/login.keychain-db ~/Downloads/siprouter-ca.crt</code></li>"
     "<li>Or open the file: in Keychain Access double-click it, open <em>Trust</em>, choose "
     "<em>Always Trust</em>.</li>"},
    {"Linux", "Linux: Chrome, Chromium",
     "<li>In one command (package libnss3-tools): <code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, "
     "-n siprouter -i ~/Downloads/siprouter-ca.crt</code></li>"
     "<li>For all programs, on Debian and Ubuntu: <code>sudo cp ~/Downloads/siprouter-ca.crt "
     "/usr/local/share/ca-certificates/ &amp;&amp; sudo update-ca-certificates</code></li>"},
};

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

/* The reader's own system first and open, the others folded. */
static void write_guides(const struct http_head *head, struct sr_buf *page)
{
    struct sr_str agent = http_head_find(head, "user-agent");
    size_t own = SR_ARRAY_LEN(guides);

    if (sr_str_search(agent, SR_STR("iPad")) < agent.n)
        own = 0;
    for (size_t i = 0; i < SR_ARRAY_LEN(guides) && own == SR_ARRAY_LEN(guides); i++) {
        if (sr_str_search(agent, sr_str_c(guides[i].word)) < agent.n)
            own = i;
    }
    if (own < SR_ARRAY_LEN(guides))
        sr_buf_fmt(page, "<section><h2>%s</h2><ol>%s</ol></section>", guides[own].title,
                   guides[own].steps);
    for (size_t i = 0; i < SR_ARRAY_LEN(guides); i++) {
        if (i != own)
            sr_buf_fmt(page, "<details><summary>%s</summary><ol>%s</ol></details>", guides[i].title,
                       guides[i].steps);
    }
}

static void write_end(const struct web *web, const char *print, struct sr_buf *page)
{
    char text[SR_ADDR_TEXT_MAX];

    sr_buf_c(page, "<p>Then close the browser once and open ");
    if (web->tls.listen_count > 0) {
        (void)sr_addr_text(&web->tls.listens[0], text);
        sr_buf_fmt(page, "<a href=\"https://%s/\">https://%s</a>", text, text);
    } else {
        sr_buf_c(page, "<a href=\"/\">the page</a>");
    }
    sr_buf_fmt(page,
               ".</p><p class=\"quiet\">To be sure it is this router's: the SHA-256 fingerprint of "
               "the certificate is <code>%s</code>. It has to be installed anew when the router's "
               "address changes.</p>",
               print);
}

void api_trust(struct api_call *call)
{
    struct http_reply reply = {
        .status = 200,
        .content_type = "text/html; charset=utf-8",
        .headers = SR_STR("Vary: User-Agent\r\n"),
    };
    char print[TRUST_PRINT_MAX];
    struct sr_buf pem, page;

    sr_buf_init(&pem, TRUST_CA_BYTES_MAX);
    sr_buf_init(&page, 64 * 1024);
    sr_buf_c(&page, trust_head);
    if (read_ca(call->web, &pem) && fingerprint(sr_buf_view(&pem), print)) {
        sr_buf_c(&page, trust_why);
        write_guides(call->head, &page);
        write_end(call->web, print, &page);
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
