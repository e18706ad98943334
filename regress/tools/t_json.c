/* tools/json.c: what it writes, character by character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/json.h"

/* What FN writes. */
static char *
text_of(void (*fn)(struct json *), bool compact)
{
	char *text = NULL;
	size_t len;
	struct json j = {.compact = compact};

	j.out = open_memstream(&text, &len);
	assert_non_null(j.out);
	fn(&j);
	assert_int_equal(fclose(j.out), 0);
	return text;
}

static void
expect(void (*fn)(struct json *), bool compact, const char *want)
{
	char *text = text_of(fn, compact);

	assert_string_equal(text, want);
	free(text);
}

static void
write_all(struct json *j)
{
	json_object(j, NULL);
	json_string(j, "s", "x");
	json_string(j, "none", NULL);
	json_int(j, "i", INT64_MIN);
	json_uint(j, "u", UINT64_MAX);
	json_real(j, "r", 2.55);
	json_bool(j, "t", true);
	json_bool(j, "f", false);
	json_array(j, "empty");
	json_end_array(j);
	json_array(j, "list");
	json_int(j, NULL, 1);
	json_object(j, NULL);
	json_end_object(j);
	json_null(j, NULL);
	json_end_array(j);
	json_end_object(j);
}

static void
structure(void **state)
{
	expect(write_all, true,
	    "{\"s\": \"x\", \"none\": null, \"i\": -9223372036854775808, "
	    "\"u\": 18446744073709551615, \"r\": 2.5, \"t\": true, "
	    "\"f\": false, \"empty\": [], \"list\": [1, {}, null]}\n");
	expect(write_all, false,
	    "{\n  \"s\": \"x\",\n  \"none\": null,\n"
	    "  \"i\": -9223372036854775808,\n"
	    "  \"u\": 18446744073709551615,\n  \"r\": 2.5,\n"
	    "  \"t\": true,\n  \"f\": false,\n  \"empty\": [],\n"
	    "  \"list\": [\n    1,\n    {},\n    null\n  ]\n}\n");
}

static void
write_two(struct json *j)
{
	json_object(j, NULL);
	json_end_object(j);
	json_object(j, NULL);
	json_int(j, "a", 1);
	json_end_object(j);
}

static void
one_value_a_line(void **state)
{
	expect(write_two, true, "{}\n{\"a\": 1}\n");
}

static const char *value;

static void
write_value(struct json *j)
{
	json_array(j, NULL);
	json_string(j, NULL, value);
	json_end_array(j);
}

static void
strings(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
	    {"", "[\"\"]\n"},
	    {"a\"b\\c", "[\"a\\\"b\\\\c\"]\n"},
	    {"\n\x1b[\x7f", "[\"\\u000a\\u001b[\\u007f\"]\n"},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		"[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"]\n"},
	    {"\xff", "[\"\\ufffd\"]\n"},
	    {"\xc3", "[\"\\ufffd\"]\n"},                       /* cut off */
	    {"\xc0\xaf", "[\"\\ufffd\\ufffd\"]\n"},            /* overlong */
	    {"\xed\xa0\x80", "[\"\\ufffd\\ufffd\\ufffd\"]\n"}, /* surrogate */
	    {"\xe2\x82x", "[\"\\ufffd\\ufffdx\"]\n"},
	    {"\xf4\x90\x80\x80", "[\"\\ufffd\\ufffd\\ufffd\\ufffd\"]\n"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = cases[i].value;
		expect(write_value, true, cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(structure),
	    cmocka_unit_test(one_value_a_line),
	    cmocka_unit_test(strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
