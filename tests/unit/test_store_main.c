/* test_store: the store's promises, kept in memory and by SQLite. */

#include "test_store.h"

int main(void)
{
    static const struct store_test *const both[] = { common_tests, intake_tests, run_tests, chat_tests,
                                                     upkeep_tests };

    for (size_t i = 0; i < 2 * sizeof(both) / sizeof(both[0]); i++)
        add_tests(both[i / 2], i % 2 ? SQLITE : MEMORY, NULL);
    add_tests(file_tests, SQLITE, NULL);
    add_tests(same_tests, SQLITE, NULL);
    add_tests(memory_tests, MEMORY, NULL);
    return run_added_tests();
}
