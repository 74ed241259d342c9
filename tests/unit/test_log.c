#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define FIELDS(...)               \
	(struct peal_log_field[]) \
	{                         \
		__VA_ARGS__       \
	}
#define COUNT(...) (sizeof(FIELDS(__VA_ARGS__)) / sizeof(struct peal_log_field))

#define TEXT(line, message, ...)                                                              \
	peal_log_format_text(PEAL_LOG_INFO, message, FIELDS(__VA_ARGS__), COUNT(__VA_ARGS__), \
			     line, sizeof(line))
#define JSON(line, message, ...)                                                              \
	peal_log_format_json(PEAL_LOG_INFO, message, FIELDS(__VA_ARGS__), COUNT(__VA_ARGS__), \
			     line, sizeof(line))

START_TEST(a_text_record_is_level_message_and_fields_on_one_line)
{
	char line[200];
	size_t length = TEXT(line, "client connected", PEAL_FIELD_TEXT("id", "abc-1"),
			     PEAL_FIELD_INT("number", -5), PEAL_FIELD_TEXT("name", "two words"),
			     PEAL_FIELD_TEXT("nothing", NULL));
	ck_assert_str_eq(line, "level=info message=\"client connected\" id=abc-1 number=-5 "
			       "name=\"two words\" nothing=\"\"\n");
	ck_assert_uint_eq(length, strlen(line));
}
END_TEST

START_TEST(a_json_record_is_one_object_on_one_line)
{
	char line[200];
	size_t length = JSON(line, "client connected", PEAL_FIELD_TEXT("id", "abc"),
			     PEAL_FIELD_INT("number", INT64_MIN));
	ck_assert_str_eq(line,
			 "{\"level\":\"info\",\"message\":\"client connected\",\"id\":\"abc\","
			 "\"number\":-9223372036854775808}\n");
	ck_assert_uint_eq(length, strlen(line));
}
END_TEST

START_TEST(every_level_has_its_name)
{
	static const char *const lines[] = { "level=error message=\"x\"\n",
					     "level=warning message=\"x\"\n",
					     "level=info message=\"x\"\n",
					     "level=debug message=\"x\"\n" };
	char line[100];
	for (int level = PEAL_LOG_ERROR; level <= PEAL_LOG_DEBUG; level++) {
		peal_log_format_text((enum peal_log_level)level, "x", NULL, 0, line, sizeof(line));
		ck_assert_str_eq(line, lines[level]);
	}
}
END_TEST

START_TEST(a_client_cannot_forge_a_line)
{
	static const char *const attacks[] = {
		"x\nlevel=error message=\"forged\"",
		"x\" level=error",
		"x\r\nlevel=error",
		"a=b",
		"\\\" y=z",
		"\xc2\x85level=error",	   /* U+0085 NEXT LINE */
		"\xe2\x80\xa8level=error", /* U+2028 */
		"\x1b[2J",
		("\xc2\x9b"
		 "2J"), /* CSI in one character */
		"\x9bX" /* the same as a stray byte */
	};
	char line[300], json[300];
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		size_t length = TEXT(line, attacks[i], PEAL_FIELD_TEXT("k", attacks[i]));
		ck_assert_uint_eq(strcspn(line, "\n"), length - 1);
		ck_assert_ptr_null(strpbrk(line, "\r\x1b\x7f"));
		ck_assert_ptr_null(strstr(line, "\xc2\x85"));
		ck_assert_ptr_null(strstr(line, "\xc2\x9b"));
		ck_assert_ptr_null(strstr(line, "\xe2\x80\xa8"));
		ck_assert(peal_utf8_valid(line, length));
		/* Outside of quotes there is one level, one message and one field. */
		bool quoted = false;
		int equals = 0;
		for (char *c = line; *c; c++) {
			if (quoted && *c == '\\')
				c++;
			else if (*c == '"')
				quoted = !quoted;
			else if (*c == '=' && !quoted)
				equals++;
		}
		ck_assert(!quoted);
		ck_assert_int_eq(equals, 3);

		struct peal_json_facts facts;
		length = JSON(json, attacks[i], PEAL_FIELD_TEXT("k", attacks[i]));
		ck_assert(peal_json_validate(json, length, &facts));
		ck_assert_uint_eq(strcspn(json, "\n"), length - 1);
	}
}
END_TEST

START_TEST(control_characters_are_escaped)
{
	char line[200];
	TEXT(line, "a\tb", PEAL_FIELD_TEXT("k", "\x7f\x01\"\\"));
	ck_assert_str_eq(line, "level=info message=\"a\\u0009b\" k=\"\\u007f\\u0001\\\"\\\\\"\n");
	TEXT(line, "\xc2\x9b\xe2\x80\xa9", PEAL_FIELD_INT("k", 1));
	ck_assert_str_eq(line, "level=info message=\"\\u009b\\u2029\" k=1\n");
}
END_TEST

START_TEST(bytes_that_are_not_utf8_become_replacement_characters)
{
	char line[200];
	JSON(line, "\xff", PEAL_FIELD_TEXT("k", "a\xe2\x82z\xc3\xa9"));
	ck_assert_str_eq(line, "{\"level\":\"info\",\"message\":\"\xef\xbf\xbd\","
			       "\"k\":\"a\xef\xbf\xbdz\xc3\xa9\"}\n");
}
END_TEST

START_TEST(a_json_record_of_any_size_is_valid_json_on_one_line)
{
	struct peal_log_field fields[] = { PEAL_FIELD_TEXT("room", "a \"quoted\" \xe2\x82\xac\n"),
					   PEAL_FIELD_INT("count", 1234567),
					   PEAL_FIELD_TEXT("last", "end") };
	size_t longest = 0;
	for (size_t size = 0; size < 160; size++) {
		/* Exactly as large as told, so that a byte too many is seen. */
		char *line = malloc(size ? size : 1);
		size_t length = peal_log_format_json(PEAL_LOG_WARNING, "m\xc3\xa9ssage", fields, 3,
						     line, size);
		ck_assert(length < size || (size == 0 && length == 0));
		if (size)
			ck_assert_uint_eq(strlen(line), length);
		if (size > 1)
			ck_assert_int_eq(line[length - 1], '\n');
		if (size >= 4) {
			struct peal_json_facts facts;
			ck_assert_msg(peal_json_validate(line, length, &facts), "%s", line);
			ck_assert_int_eq(facts.type, PEAL_JSON_OBJECT);
		}
		ck_assert_uint_ge(length, longest > 12 ? longest - 12 : 0);
		longest = length > longest ? length : longest;
		free(line);
	}
	ck_assert_uint_lt(longest, 150);
}
END_TEST

START_TEST(a_cut_json_record_keeps_the_beginning_of_its_text)
{
	char line[64], text[500];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	size_t length = JSON(line, "m", PEAL_FIELD_TEXT("k", text), PEAL_FIELD_INT("lost", 1));
	ck_assert_uint_eq(length, 63);
	cJSON *tree = cJSON_ParseWithLength(line, length);
	ck_assert_ptr_nonnull(tree);
	ck_assert_int_eq(strspn(cJSON_GetObjectItem(tree, "k")->valuestring, "x"),
			 (int)strlen(cJSON_GetObjectItem(tree, "k")->valuestring));
	ck_assert_uint_gt(strlen(cJSON_GetObjectItem(tree, "k")->valuestring), 20);
	ck_assert_ptr_null(cJSON_GetObjectItem(tree, "lost"));
	cJSON_Delete(tree);
}
END_TEST

START_TEST(a_cut_text_record_has_closed_quotes_and_whole_fields)
{
	struct peal_log_field fields[] = { PEAL_FIELD_TEXT("room", "two \"words\""),
					   PEAL_FIELD_INT("count", 1234567),
					   PEAL_FIELD_TEXT("last", "end") };
	for (size_t size = 1; size < 120; size++) {
		char *line = malloc(size);
		size_t length =
			peal_log_format_text(PEAL_LOG_INFO, "hello there", fields, 3, line, size);
		ck_assert_uint_eq(strlen(line), length);
		if (size > 1)
			ck_assert_int_eq(line[length - 1], '\n');
		int quotes = 0;
		for (char *c = line; *c; c++)
			if (*c == '\\')
				c++;
			else if (*c == '"')
				quotes++;
		ck_assert_int_eq(quotes % 2, 0);
		if (strstr(line, "count="))
			ck_assert_ptr_nonnull(strstr(line, "count=1234567"));
		free(line);
	}
}
END_TEST

START_TEST(a_long_plain_value_is_cut_not_dropped)
{
	char line[64], text[200];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	size_t length = TEXT(line, "m", PEAL_FIELD_TEXT("k", text));
	ck_assert_uint_eq(length, 63);
	ck_assert_ptr_nonnull(strstr(line, " k=\"xxxxxxxx"));
	ck_assert_str_eq(line + 61, "\"\n");
}
END_TEST

struct caught {
	int records;
	size_t fields;
	char message[50];
};

static void catch (enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	struct caught *caught = userdata;
	(void)level;
	(void)fields;
	caught->records++;
	caught->fields = count;
	snprintf(caught->message, sizeof(caught->message), "%s", message);
}

START_TEST(records_above_the_level_go_nowhere_and_others_reach_the_function)
{
	struct caught caught = { 0 };
	struct peal_log log = { .level = PEAL_LOG_WARNING, .fn = catch, .userdata = &caught };
	peal_log(&log, PEAL_LOG_INFO, "quiet", PEAL_FIELD_INT("a", 1));
	ck_assert_int_eq(caught.records, 0);
	peal_log(&log, PEAL_LOG_WARNING, "loud", PEAL_FIELD_INT("a", 1), PEAL_FIELD_INT("b", 2));
	ck_assert_int_eq(caught.records, 1);
	ck_assert_uint_eq(caught.fields, 2);
	ck_assert_str_eq(caught.message, "loud");
	peal_log(&log, PEAL_LOG_ERROR, "louder", PEAL_FIELD_INT("a", 1));
	ck_assert_int_eq(caught.records, 2);
}
END_TEST

UNIT_MAIN("log", a_text_record_is_level_message_and_fields_on_one_line,
	  a_json_record_is_one_object_on_one_line, every_level_has_its_name,
	  a_client_cannot_forge_a_line, control_characters_are_escaped,
	  bytes_that_are_not_utf8_become_replacement_characters,
	  a_json_record_of_any_size_is_valid_json_on_one_line,
	  a_cut_json_record_keeps_the_beginning_of_its_text,
	  a_cut_text_record_has_closed_quotes_and_whole_fields,
	  a_long_plain_value_is_cut_not_dropped,
	  records_above_the_level_go_nowhere_and_others_reach_the_function)
