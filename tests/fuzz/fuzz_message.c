/* Messages rendered with values from outside: the input is the scope, a JSON object. */

#include "kit_rules.h"

#include "core/doc.h"

static const char rules[] =
    "languages: [ en, de ]\n"
    "lookups:\n"
    "  order: { url: 'https://shop.example/o', hosts: [ shop.example, '*.cdn.example' ],\n"
    "    sample: { id: a, total: 1, link: 'https://shop.example/1', items: [ { id: a, t: b, at: c } ] } }\n"
    "rules:\n"
    "  - name: a\n"
    "    tap: 'a:(?<id>.*):(?<page>[0-9]+)'\n"
    "    lookup: order\n"
    "    reply:\n"
    "      - text: { en: 'Order ${id|upper|truncate(5)} ${order.id:-none}', de: '${order.total|cents(,)}' }\n"
    "        buttons:\n"
    "          - [ { text: '${contact.name}', callback_data: 'b:${id}' }, { text: L, url: '${order.link}' } "
    "]\n"
    "          - repeat: order.items\n"
    "            as: item\n"
    "            per_row: 3\n"
    "            max: 9\n"
    "            page: '${page}'\n"
    "            row: [ { text: '${item.t}', callback_data: 'i:${item.id}' } ]\n"
    "      - text:\n"
    "          - 'Items: ${order.items.count}'\n"
    "          - { text: '- ${it.t} ${it.at|date(%d.%m.%Y):-?}', repeat: order.items, as: it, max: 50 }\n"
    "          - { text: 'x ${id|url}', when: { order.id: 'a|b' } }\n"
    "        buttons: [ [ { text: U, url: 'https://a.example/${id}/x?y=${order.id:-z}#${id}' } ],\n"
    "          [ { text: T, callback_data: 'b:${order.id}', token: true } ] ]\n"
    "      - { text: '${id}', keyboard: [ [ '${id}', '${order.id}' ] ], input_field_placeholder: "
    "'${order.id}' }\n"
    "  - { name: b, tap: 'b:.*|i:.*', reply: { text: '${contact.custom_attributes.x}' } }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ruleset *ruleset;
    static struct pattern_scratch *scratch;
    struct fault fault;
    struct json_object *scope = doc_parse(fuzz_text(data, size), &fault);

    if (!ruleset) {
        ruleset = kit_rules(rules);
        scratch = fuzz_must(pattern_scratch_new());
    }
    if (json_object_is_type(scope, json_type_object))
        kit_render(ruleset, scope, scratch);
    json_object_put(scope);
    return 0;
}
