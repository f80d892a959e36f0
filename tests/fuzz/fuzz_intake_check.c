/* The check of a request's bytes before evhttp sees them: what it says may not depend on how they come in. */

#include "fuzz.h"

#include "net/intake_check.h"

static const struct intake_bounds bounds = { 1000, 500 };

/* One request, `chunk` bytes at a time (0: all at once); gives the refusal, or 0. */
static int read_request(struct text bytes, size_t chunk, struct intake_check *check)
{
    int refusal = 0;

    intake_check_start(check);
    for (size_t at = 0, n; at < bytes.n && !refusal && !intake_check_done(check); at += n) {
        n = chunk && chunk < bytes.n - at ? chunk : bytes.n - at;
        if (!intake_check_body(check, n))
            refusal = intake_check_feed(check, &bounds, bytes.p + at, n);
    }
    return refusal;
}

static bool is_refusal(int status)
{
    return status == 400 || status == 411 || status == 413 || status == 417 || status == 431 ||
           status == 501 || status == 505;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = fuzz_text(data, size);
    struct intake_check whole, pieces;
    int refusal = read_request(bytes, 0, &whole);

    for (size_t chunk = 1; chunk < 6; chunk++) {
        HOLDS(read_request(bytes, chunk, &pieces) == refusal);
        HOLDS(refusal ||
              (intake_check_done(&pieces) == intake_check_done(&whole) && pieces.left == whole.left));
    }
    HOLDS(!refusal || is_refusal(refusal));
    HOLDS(refusal || !intake_check_done(&whole) || (!whole.has_coding && (whole.has_host || whole.http10)));
    return 0;
}
