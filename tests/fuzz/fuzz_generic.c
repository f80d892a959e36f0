/* Webhooks of other systems, with pointers to where things are. */

#include "kit_source.h"

#include "core/sign.h"

static const char yaml[] =
    "name: g\nkind: generic\npath: /in\nsecrets: [ env:S ]\nchannel: c\n"
    "signature: { header: X-Signature, prefix: 'sha256=' }\n"
    "entries: /data\nid: /item/id\ntext: /item/body\ndata: /item/data\ndelivery_id: ''\n"
    "user_id: [ /user, { at: /from/1, pattern: 'tg:(?<id>.*)' }, 'body:/a~1b' ]\n";

static void sign(struct text body, struct buf *out)
{
    unsigned char mac[SIGN_MAX];
    char hex[2 * SIGN_MAX + 1];

    HOLDS(sign_hmac(SIGN_SHA256, text_of(KIT_SECRET), &body, 1, mac));
    text_hex(mac, sign_hash_size(SIGN_SHA256), hex);
    buf_printf(out, "X-Signature: sha256=%s", hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kit_source(yaml, sign, data, size);
    return 0;
}
