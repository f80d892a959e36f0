#include "app/adminpages.h"

#include "app/configfile.h"
#include "core/sign.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MAX (16u << 20)

struct adminpages {
    struct adminpages_setup setup;
    struct intake *intake;
};

static const struct intake_limits limits = {
    .body = 4096, .headers = 16384, .request_ms = 5000, .idle_ms = 60000, .connections = 64, .per_address = 64
};

static void answer(struct adminpages *pages, uint64_t id, int status, const char *type, struct text body)
{
    struct intake_answer out = { .status = status, .content_type = type, .body = body };

    intake_reply(pages->intake, id, &out);
}

static void answer_method(struct adminpages *pages, uint64_t id, bool posted)
{
    struct intake_answer out = { .status = 405, .content_type = "text/plain; charset=utf-8" };

    out.allow = posted ? "POST" : "GET, HEAD";
    out.body = text_of(posted ? "POST here\n" : "GET this page\n");
    intake_reply(pages->intake, id, &out);
}

static void answer_text(struct adminpages *pages, uint64_t id, int status, const char *text)
{
    answer(pages, id, status, "text/plain; charset=utf-8", text_of(text));
}

static const char *header(const struct intake_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

static bool is_unix(const struct adminpages *pages)
{
    return text_starts(text_of(pages->setup.generation->config->admin), "unix:");
}

static bool has_token(const struct adminpages *pages, const struct intake_request *request)
{
    struct text token = generation_admin_token(pages->setup.generation);
    const char *given = header(request, "Authorization");

    return token.p && given && text_starts(text_of(given), "Bearer ") &&
           sign_equal_text(text_of(given + 7), token);
}

/* The host part of "host:port" or "[v6]:port". */
static struct text host_part(const char *address)
{
    size_t n = address[0] == '[' ? strcspn(address, "]") + 1 : strcspn(address, ":");

    return text_make(address, n <= strlen(address) ? n : strlen(address));
}

/* A page elsewhere whose name was pointed at this address (DNS rebinding) has that name in Host. */
static bool host_fits(const struct adminpages *pages, const struct intake_request *request)
{
    static const char *const own[] = { "localhost", "127.0.0.1", "[::1]" };
    const char *given = header(request, "Host");
    struct text host;

    if (is_unix(pages) || has_token(pages, request))
        return true;
    if (!given)
        return false;
    host = host_part(given);
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        if (text_is_nocase(host, own[i]))
            return true;
    return text_eq(host, host_part(intake_address(pages->intake)));
}

/* What a browser adds to a form or script of whatever page it shows; none of ours posts anything. A token it cannot add, so this is for
   Unix sockets: something may stand before them that speaks to browsers. */
static bool is_from_browser(const struct intake_request *request)
{
    static const char *const forms[] = { "application/x-www-form-urlencoded", "multipart/form-data",
                                         "text/plain" };
    const char *type = header(request, "Content-Type");
    struct text form;

    if (header(request, "Origin") || header(request, "Sec-Fetch-Site") || header(request, "Referer"))
        return true;
    form = type ? text_trim(text_make(type, strcspn(type, ";"))) : text_of("");
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (text_is_nocase(form, forms[i]))
            return true;
    return false;
}

static void page_health(struct adminpages *pages, const struct intake_request *request)
{
    answer_text(pages, request->id, 200, "ok\n");
}

static void page_ready(struct adminpages *pages, const struct intake_request *request)
{
    struct buf out = BUF(65536);
    bool ready = health_print(pages->setup.health, &out);

    if (ready)
        buf_str(&out, "ready\n");
    answer(pages, request->id, ready ? 200 : 503, "text/plain; charset=utf-8", buf_get(&out));
    buf_free(&out);
}

static void page_metrics(struct adminpages *pages, const struct intake_request *request)
{
    struct buf out = BUF(PAGE_MAX);

    metrics_print(pages->setup.metrics, &out);
    answer(pages, request->id, out.failed ? 500 : 200, "text/plain; version=0.0.4; charset=utf-8",
           buf_get(&out));
    buf_free(&out);
}

static void page_reload(struct adminpages *pages, const struct intake_request *request)
{
    if (!is_unix(pages) && !has_token(pages, request)) {
        answer_text(pages, request->id, 403,
                    "this needs 'Authorization: Bearer' with the token of the key admin.token\n");
        return;
    }
    if (is_from_browser(request) && !has_token(pages, request)) {
        answer_text(pages, request->id, 403,
                    "this comes from a web page or is a form: post it without a body\n");
        return;
    }
    pages->setup.reload(pages->setup.arg);
    answer_text(pages, request->id, 202, "reloading; /readyz shows whether it was refused\n");
}

static const struct page {
    const char *path;
    bool posted;
    void (*show)(struct adminpages *pages, const struct intake_request *request);
} pages_table[] = {
    { "/healthz", false, page_health },
    { "/readyz", false, page_ready },
    { "/metrics", false, page_metrics },
    { "/-/reload", true, page_reload },
};

static const struct page *find_page(const char *target)
{
    struct text path = text_make(target, strcspn(target, "?"));

    for (size_t i = 0; i < sizeof(pages_table) / sizeof(*pages_table); i++)
        if (text_is(path, pages_table[i].path))
            return &pages_table[i];
    return NULL;
}

static void handle(void *arg, const struct intake_request *request)
{
    struct adminpages *pages = arg;
    const struct page *page = find_page(request->target);
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

    if (!host_fits(pages, request))
        answer_text(pages, request->id, 403, "the Host header does not name this listener\n");
    else if (!page)
        answer_text(pages, request->id, 404, "pages: /healthz /readyz /metrics, POST /-/reload\n");
    else if (page->posted ? strcmp(request->method, "POST") != 0 : !get)
        answer_method(pages, request->id, page->posted);
    else
        page->show(pages, request);
}

/* A Unix socket's path is seen from the configuration's folder, as all paths are. */
static char *address_of(const struct config *config)
{
    static const char scheme[] = "unix:";
    struct buf out = BUF(8192);
    char *path;

    if (!text_starts(text_of(config->admin), scheme))
        return text_dup(text_of(config->admin));
    path = configfile_path(config, config->admin + strlen(scheme));
    buf_printf(&out, "%s%s", scheme, path ? path : "");
    free(path);
    return buf_take(&out);
}

struct adminpages *adminpages_new(struct loop *loop, const struct adminpages_setup *setup,
                                  struct fault *fault)
{
    struct adminpages *pages = calloc(1, sizeof(*pages));
    char *address;

    if (!pages) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    fault_set(fault, "out of memory");
    pages->setup = *setup;
    generation_ref(setup->generation);
    address = address_of(setup->generation->config);
    if (address)
        pages->intake = intake_new(loop, address, &limits, handle, pages, fault);
    free(address);
    if (pages->intake)
        return pages;
    adminpages_free(pages);
    return NULL;
}

const char *adminpages_address(const struct adminpages *pages)
{
    return intake_address(pages->intake);
}

void adminpages_adopt(struct adminpages *pages, struct generation *generation)
{
    generation_unref(pages->setup.generation);
    pages->setup.generation = generation_ref(generation);
}

void adminpages_free(struct adminpages *pages)
{
    if (!pages)
        return;
    intake_free(pages->intake);
    generation_unref(pages->setup.generation);
    free(pages);
}
