/* Intercom's webhooks: signature, entries, the fetches that they need. */

#include "kit_source.h"

#include "core/sign.h"

static const char yaml[] =
    "name: i\nkind: intercom\npath: /in\nsecrets: [ env:S ]\nchannel: c\ntoken: env:T\n"
    "admin_id: 7\n"
    "callback_data: [ part:/data, json, { pattern: 'data: (?<data>\\S+)' }, text ]\n"
    "user_id: [ 'part:/author/id', { at: external_id, pattern: '.*?(?<id>-?[0-9]+)' }, contact.x, /id, "
    "'body:' ]\n";

static void sign(struct text body, struct buf *out)
{
    unsigned char mac[SIGN_MAX];
    char hex[2 * SIGN_MAX + 1];

    HOLDS(sign_hmac(SIGN_SHA1, text_of(KIT_SECRET), &body, 1, mac));
    text_hex(mac, sign_hash_size(SIGN_SHA1), hex);
    buf_printf(out, "X-Hub-Signature: sha1=%s", hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kit_source(yaml, sign, data, size);
    return 0;
}
