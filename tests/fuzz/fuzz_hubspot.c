/* HubSpot's webhooks: signature, entries, the messages and contacts that they need. */

#include "kit_source.h"

#include "core/sign.h"

#include <stdio.h>

static const char yaml[] = "name: h\nkind: hubspot\npath: /in\nsecrets: [ env:S ]\nchannel: c\ntoken: env:T\n"
                           "actor_id: A-7\nsignatures: [ v3, v2, v1 ]\n"
                           "user_id: [ contact.x, sender, /id ]\ncallback_data: [ /text, json, text ]\n";

static void sign(struct text body, struct buf *out)
{
    char stamp[24];
    unsigned char mac[SIGN_MAX];
    char base64[64];
    struct text parts[] = { text_of("POST" KIT_URL "/in?x=%26"), body, TEXT_NONE };

    (void)snprintf(stamp, sizeof(stamp), "%lld", (long long)KIT_NOW);
    parts[2] = text_of(stamp);
    HOLDS(sign_hmac(SIGN_SHA256, text_of(KIT_SECRET), parts, 3, mac));
    sign_base64(mac, sign_hash_size(SIGN_SHA256), base64, sizeof(base64));
    buf_printf(out, "X-HubSpot-Signature-v3: %s\nX-HubSpot-Request-Timestamp: %s", base64, stamp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kit_source(yaml, sign, data, size);
    return 0;
}
