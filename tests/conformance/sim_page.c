#include "sim_page.h"

#include <stdio.h>

static const char page_offer[] =
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\n"
    "a=ice-ufrag:Pg+%u\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8gZZ\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 D1:2C:BE:AD:C4:F6:64:5C:25:16:11:9C:AF:E7:0F:73:"
    "79:36:4E:9C:1E:15:54:39:0C:06:8B:ED:96:86:00:39\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\n"
    "a=rtpmap:126 telephone-event/8000\r\n";

void sim_pages_init(struct sim_pages *pages, struct rig *rig)
{
    memset(pages, 0, sizeof(*pages));
    pages->page[0] = (struct sim_page){.rig = rig, .device = "c", .owner = "cora"};
    pages->page[1] = (struct sim_page){.rig = rig, .device = "", .owner = "guest"};
}

static bool copy_member(const char *note, const char *key, char *out, size_t size)
{
    const char *at = strstr(note, key);

    if (at == NULL)
        return false;
    at += strlen(key);
    (void)sr_str_copy(sr_str_make(at, strcspn(at, "\"")), out, size);
    return true;
}

static void hear(struct sim_page *page, const char *note)
{
    if (strstr(note, "\"type\":\"webrtc-registered\"") != NULL)
        (void)copy_member(note, "\"token\":\"", page->token, sizeof(page->token));
    if (strstr(note, "\"type\":\"webrtc-incoming\"") != NULL) {
        (void)copy_member(note, "\"callId\":\"", page->call_id, sizeof(page->call_id));
        page->is_rung = true;
    }
    page->answers += strstr(note, "\"type\":\"webrtc-answer\"") != NULL;
    page->errors += strstr(note, "\"type\":\"error\"") != NULL;
}

void sim_pages_hear(struct sim_pages *pages)
{
    struct engine_note *note;

    while ((note = engine_next_note(pages->page[0].rig->engine)) != NULL) {
        char *text = sr_str_cdup(note->text);

        assert_in_range(note->client, 1, SIM_PAGES);
        hear(&pages->page[note->client - 1], text);
        sr_free(text);
        sr_free(note);
    }
}

static void give(struct sim_page *page, struct engine_command *command)
{
    command->client = page->client;
    (void)snprintf(command->session_id, sizeof(command->session_id), "s%u", page->sessions);
    memcpy(command->call_id, page->call_id, sizeof(command->call_id));
    assert_int_equal(engine_submit(page->rig->engine, command), SR_OK);
}

void sim_page_come(struct sim_page *page)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER};

    page->client = page->device[0] != '\0' ? 1 : 2;
    (void)sr_str_copy(sr_str_c(page->device), command.device_id, sizeof(command.device_id));
    (void)sr_str_copy(sr_str_c(page->owner), command.owner, sizeof(command.owner));
    memcpy(command.session_token, page->token, sizeof(command.session_token));
    give(page, &command);
}

static void offer(struct sim_page *page, bool is_resume)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_OFFER};
    char text[2048];

    if (!is_resume)
        page->sessions++;
    else
        memcpy(command.session_token, page->token, sizeof(command.session_token));
    (void)snprintf(text, sizeof(text), page_offer, page->sessions);
    command.sdp = sr_strdup(text);
    give(page, &command);
}

void sim_page_answer(struct sim_page *page)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_LINK};

    page->is_rung = false;
    if (page->client == 0)
        return;
    offer(page, false);
    give(page, &command);
}

void sim_page_do(struct sim_page *page, uint32_t what)
{
    static const enum engine_command_kind kinds[] = {ENGINE_DO_WEBRTC_LINK, ENGINE_DO_WEBRTC_LINK,
                                                     ENGINE_DO_WEBRTC_HANGUP,
                                                     ENGINE_DO_WEBRTC_REJECT};
    struct engine_command command = {0};

    if (page->client == 0) {
        sim_page_come(page);
        return;
    }
    switch (what % 12) {
    case 0:
        sim_page_gone(page);
        break;
    case 1:
        offer(page, true);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        sim_page_answer(page);
        break;
    case 6:
    case 7:
        offer(page, false);
        break;
    default:
        command.kind = kinds[what % 12 - 8];
        give(page, &command);
        break;
    }
}

void sim_page_gone(struct sim_page *page)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_GONE};

    if (page->client != 0)
        give(page, &command);
    page->client = 0;
}
