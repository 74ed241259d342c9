#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/args.h"
#include "protocol/tree.h"

static void assert_slice(const char *slice, size_t length, const char *expected)
{
	ck_assert_ptr_nonnull(slice);
	ck_assert_uint_eq(length, strlen(expected));
	ck_assert_int_eq(memcmp(slice, expected, length), 0);
}

static void assert_encodes(struct peal_values values, const char *expected)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	ck_assert_int_eq(peal_args_encode(&args, values, attachments), 0);
	assert_slice(args.text, args.length, expected);
	ck_assert_uint_eq(args.count, values.count);
	peal_args_deinit(&args);
}

static void assert_refused(struct peal_values values, int expected)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args, before;
	struct peal_args *made = NULL;
	memset(&args, 0x5a, sizeof(args));
	before = args;
	ck_assert_int_eq(peal_args_encode(&args, values, attachments), expected);
	ck_assert_mem_eq(&args, &before, sizeof(args));
	ck_assert_int_eq(peal_args_new(values, &made), expected);
	ck_assert_ptr_null(made);
}

START_TEST(c_values_become_json_by_their_type)
{
	bool yes = true, no = false;
	const char *text = "text";
	char array[] = "array";
	assert_encodes(PEAL_VALUES(), "");
	assert_encodes(PEAL_VALUES("hello", text, array), "\"hello\",\"text\",\"array\"");
	assert_encodes(PEAL_VALUES(1, -2L, 3LL, (short)-4, (signed char)-5, 'a'),
		       "1,-2,3,-4,-5,97");
	assert_encodes(PEAL_VALUES(1u, 2ul, 3ull, (unsigned char)255, (unsigned short)65535),
		       "1,2,3,255,65535");
	assert_encodes(PEAL_VALUES(1.5, 2.5f, 1e21, -0.0), "1.5,2.5,1e+21,0");
	assert_encodes(PEAL_VALUES(yes, no, PEAL_TRUE, PEAL_FALSE, PEAL_BOOL(1 < 2), PEAL_NULL),
		       "true,false,true,false,true,null");
}
END_TEST

START_TEST(the_words_true_and_false_are_integers_in_c11)
{
	assert_encodes(PEAL_VALUES(true, false, 1 < 2), "1,0,1");
}
END_TEST

START_TEST(integers_keep_all_their_digits)
{
	assert_encodes(PEAL_VALUES(INT64_MIN, INT64_MAX, UINT64_MAX),
		       "-9223372036854775808,9223372036854775807,18446744073709551615");
}
END_TEST

START_TEST(numbers_that_are_not_finite_become_null)
{
	assert_encodes(PEAL_VALUES((double)NAN, (double)INFINITY, -(double)INFINITY),
		       "null,null,null");
}
END_TEST

START_TEST(up_to_16_values_can_be_listed)
{
	assert_encodes(PEAL_VALUES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "x"),
		       "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,\"x\"");
}
END_TEST

START_TEST(strings_are_escaped_and_must_be_utf8)
{
	assert_encodes(PEAL_VALUES("a\"b\n\x01\xe2\x82\xac"), "\"a\\\"b\\n\\u0001\xe2\x82\xac\"");
	assert_encodes(PEAL_VALUES(""), "\"\"");
	assert_refused(PEAL_VALUES("\xff"), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(1, "caf\xe9"), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES((const char *)NULL), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(json_text_is_validated_and_passed_on)
{
	assert_encodes(PEAL_VALUES(PEAL_JSON("{\"a\":[1, 2]}"), PEAL_JSON("1.50")),
		       "{\"a\":[1, 2]},1.50");
	assert_refused(PEAL_VALUES(PEAL_JSON("")), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(PEAL_JSON("1,2")), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(PEAL_JSON("{a:1}")), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(PEAL_JSON("\"\xff\"")), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(PEAL_JSON(NULL)), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(json_text_may_be_as_deep_as_fits_into_the_argument_array)
{
	static char text[2 * PEAL_LIMIT_JSON_DEPTH + 1];
	size_t depth = PEAL_LIMIT_JSON_DEPTH - 1;
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	assert_encodes(PEAL_VALUES(PEAL_JSON(text)), text);
	depth++;
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	assert_refused(PEAL_VALUES(PEAL_JSON(text)), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(a_tree_is_printed_compactly_as_javascript_would)
{
	cJSON *tree = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(tree, "list");
	cJSON_AddItemToArray(list, cJSON_CreateNumber(0.1 + 0.2));
	cJSON_AddItemToArray(list, cJSON_CreateNumber(1e21));
	cJSON_AddItemToArray(list, cJSON_CreateNumber(-0.0));
	cJSON_AddItemToArray(list, cJSON_CreateNumber(NAN));
	cJSON_AddItemToArray(list, cJSON_CreateArray());
	cJSON_AddItemToArray(list, cJSON_CreateObject());
	cJSON_AddStringToObject(tree, "k\"\n", "v/\x7f\xc3\xa9");
	cJSON_AddTrueToObject(tree, "t");
	cJSON_AddFalseToObject(tree, "f");
	cJSON_AddNullToObject(tree, "n");
	cJSON_AddRawToObject(tree, "raw", "[1]");
	assert_encodes(PEAL_VALUES(tree, (const cJSON *)list),
		       "{\"list\":[0.30000000000000004,1e+21,0,null,[],{}],\"k\\\"\\n\":\"v/\x7f"
		       "\xc3\xa9\",\"t\":true,\"f\":false,\"n\":null,\"raw\":[1]},"
		       "[0.30000000000000004,1e+21,0,null,[],{}]");
	cJSON_Delete(tree);
}
END_TEST

START_TEST(a_tree_that_cannot_be_encoded_is_refused)
{
	cJSON *tree = cJSON_CreateArray();
	assert_refused(PEAL_VALUES((cJSON *)NULL), PEAL_EMIT_E_INVALID);
	cJSON_AddItemToArray(tree, cJSON_CreateString("\xff"));
	assert_refused(PEAL_VALUES(tree), PEAL_EMIT_E_INVALID);
	cJSON_Delete(tree);

	tree = cJSON_CreateObject();
	cJSON_AddNullToObject(tree, "caf\xe9");
	assert_refused(PEAL_VALUES(tree), PEAL_EMIT_E_INVALID);
	cJSON_Delete(tree);

	tree = cJSON_CreateRaw("1,2");
	assert_refused(PEAL_VALUES(tree), PEAL_EMIT_E_INVALID);
	tree->type = cJSON_Invalid;
	assert_refused(PEAL_VALUES(tree), PEAL_EMIT_E_INVALID);
	tree->type = cJSON_String | cJSON_IsReference;
	free(tree->valuestring);
	tree->valuestring = NULL;
	assert_refused(PEAL_VALUES(tree), PEAL_EMIT_E_INVALID);
	cJSON_Delete(tree);
}
END_TEST

START_TEST(a_tree_that_is_too_deep_or_a_circle_is_refused)
{
	cJSON *tree = cJSON_CreateArray();
	for (int i = 1; i < PEAL_LIMIT_JSON_DEPTH - 1; i++) {
		cJSON *outer = cJSON_CreateArray();
		cJSON_AddItemToArray(outer, tree);
		tree = outer;
	}
	struct peal_args *args;
	ck_assert_int_eq(peal_args_new(PEAL_VALUES(tree), &args), 0);
	peal_args_free(args);
	cJSON *outer = cJSON_CreateArray();
	cJSON_AddItemToArray(outer, tree);
	assert_refused(PEAL_VALUES(outer), PEAL_EMIT_E_INVALID);
	cJSON_Delete(outer);

	cJSON circle = { .type = cJSON_Array };
	circle.child = &circle;
	assert_refused(PEAL_VALUES(&circle), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(bytes_become_placeholders_and_attachments_in_order)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	char bytes[] = "\x00\x01\x02";
	ck_assert_int_eq(
		peal_args_encode(&args, PEAL_VALUES(PEAL_BYTES(bytes, 3), "x", PEAL_BYTES(NULL, 0)),
				 attachments),
		0);
	assert_slice(args.text, args.length,
		     "{\"_placeholder\":true,\"num\":0},\"x\",{\"_placeholder\":true,\"num\":1}");
	ck_assert_uint_eq(peal_args_attachment_count(&args), 2);
	ck_assert_ptr_eq(peal_args_attachment(&args, 0).bytes, bytes);
	ck_assert_uint_eq(peal_args_attachment(&args, 0).length, 3);
	ck_assert_ptr_nonnull(peal_args_attachment(&args, 1).bytes);
	ck_assert_uint_eq(peal_args_attachment(&args, 1).length, 0);
	peal_args_deinit(&args);
	assert_refused(PEAL_VALUES(PEAL_BYTES(NULL, 1)), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(more_than_ten_attachments_are_too_large)
{
	struct peal_arg values[11];
	struct peal_args *args;
	for (int i = 0; i < 11; i++)
		values[i] = PEAL_BYTES("x", 1);
	ck_assert_int_eq(peal_args_new((struct peal_values){ values, 10 }, &args), 0);
	ck_assert_uint_eq(peal_args_attachment_count(args), 10);
	peal_args_free(args);
	assert_refused(((struct peal_values){ values, 11 }), PEAL_EMIT_E_TOO_LARGE);
}
END_TEST

START_TEST(an_attachment_larger_than_a_frame_is_refused_unread)
{
	assert_refused(PEAL_VALUES(PEAL_BYTES("x", PEAL_LIMIT_FRAME_BYTES + (size_t)1)),
		       PEAL_EMIT_E_TOO_LARGE);
}
END_TEST

START_TEST(an_object_that_fakes_an_attachment_is_refused_beside_real_ones)
{
	const char *fake = "{\"a\":[{\"_placeholder\":true,\"num\":0}]}";
	cJSON *tree = cJSON_Parse(fake);
	assert_encodes(PEAL_VALUES(PEAL_JSON(fake)), fake);
	assert_encodes(PEAL_VALUES(tree), fake);
	assert_refused(PEAL_VALUES(PEAL_JSON(fake), PEAL_BYTES("x", 1)), PEAL_EMIT_E_INVALID);
	assert_refused(PEAL_VALUES(PEAL_BYTES("x", 1), tree), PEAL_EMIT_E_INVALID);
	assert_encodes(PEAL_VALUES(PEAL_BYTES("x", 1), PEAL_JSON("{\"_placeholder\":1}")),
		       "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":1}");
	cJSON_Delete(tree);
}
END_TEST

START_TEST(built_arguments_outlive_their_values)
{
	char text[] = "text", bytes[] = "bytes";
	struct peal_args *args, *copy;
	struct peal_bytes found;
	ck_assert_int_eq(peal_args_new(PEAL_VALUES(text, PEAL_BYTES(bytes, 5)), &args), 0);
	memset(text, 'x', 4);
	memset(bytes, 'x', 5);
	ck_assert_str_eq(peal_args_string(args, 0), "text");
	ck_assert_int_eq(peal_args_copy(args, &copy), 0);
	peal_args_free(args);
	ck_assert_str_eq(peal_args_string(copy, 0), "text");
	ck_assert(peal_args_bytes(copy, 1, &found));
	assert_slice(found.bytes, found.length, "bytes");
	peal_args_free(copy);
	peal_args_free(NULL);
}
END_TEST

static int from_json(const char *text, size_t count, struct peal_args **ret_args)
{
	static const struct peal_bytes attachments[11] = { { "one", 3 }, { NULL, 0 }, { "3", 1 } };
	return peal_args_new_from_json(text, strlen(text), attachments, count, ret_args);
}

START_TEST(arguments_are_built_from_a_json_array)
{
	struct peal_args *args;
	size_t length;
	ck_assert_int_eq(from_json(" [ 1 , \"a]\" , [ ] ] ", 0, &args), 0);
	ck_assert_uint_eq(peal_args_count(args), 3);
	const char *item = peal_args_item(args, 2, &length);
	assert_slice(item, length, "[ ]");
	peal_args_free(args);
	ck_assert_int_eq(from_json(" [  ] ", 0, &args), 0);
	ck_assert_uint_eq(peal_args_count(args), 0);
	peal_args_text(args, &length);
	ck_assert_uint_eq(length, 0);
	peal_args_free(args);
}
END_TEST

START_TEST(arguments_are_not_built_from_anything_else)
{
	struct peal_args *args;
	ck_assert_int_eq(from_json("", 0, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("{}", 0, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("1", 0, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("[1", 0, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("[1]]", 0, &args), PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(every_placeholder_needs_its_attachment)
{
	const char *text =
		"[{\"_placeholder\":true,\"num\":2},{\"x\":{\"_placeholder\":true,\"num\":0}}]";
	struct peal_args *args;
	struct peal_bytes found;
	ck_assert_int_eq(from_json(text, 0, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json(text, 2, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("[{\"_placeholder\":true}]", 2, &args), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(from_json("[]", 11, &args), PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(from_json(text, 3, &args), 0);
	ck_assert(peal_args_bytes(args, 0, &found));
	assert_slice(found.bytes, found.length, "3");
	ck_assert(!peal_args_bytes(args, 1, &found));
	ck_assert_uint_eq(peal_args_attachment(args, 0).length, 3);
	ck_assert_uint_eq(peal_args_attachment(args, 1).length, 0);
	ck_assert_ptr_null(peal_args_attachment(args, 3).bytes);
	peal_args_free(args);
}
END_TEST

/* Received arguments, as a handler sees them. */
static void receive(struct peal_args *args, const char *text, size_t count)
{
	peal_args_init(args, text, strlen(text), count, NULL, 0);
}

START_TEST(each_argument_is_read_by_its_type)
{
	struct peal_args args;
	size_t length;
	receive(&args, "\"a\\u00e9\\n\" , -1.5e1,true,false,null,{\"k\":[1]},[]", 7);
	ck_assert_uint_eq(peal_args_count(&args), 7);
	ck_assert_str_eq(peal_args_string(&args, 0), "a\xc3\xa9\n");
	ck_assert(peal_args_number(&args, 1, 7) == -15);
	ck_assert(peal_args_bool(&args, 2, false));
	ck_assert(!peal_args_bool(&args, 3, true));
	assert_slice(peal_args_item(&args, 4, &length), 4, "null");
	const char *item = peal_args_item(&args, 5, &length);
	assert_slice(item, length, "{\"k\":[1]}");
	item = peal_args_item(&args, 0, &length);
	assert_slice(item, length, "\"a\\u00e9\\n\"");
	peal_args_deinit(&args);
}
END_TEST

START_TEST(an_argument_of_another_type_gives_the_fallback)
{
	struct peal_args args;
	struct peal_bytes bytes;
	size_t length;
	receive(&args, "\"1\",1,true", 3);
	ck_assert_ptr_null(peal_args_string(&args, 1));
	ck_assert_ptr_null(peal_args_string(&args, 3));
	ck_assert(peal_args_number(&args, 0, 7) == 7);
	ck_assert(peal_args_number(&args, 3, 7) == 7);
	ck_assert(peal_args_bool(&args, 0, true));
	ck_assert(!peal_args_bool(&args, 1, false));
	ck_assert(peal_args_bool(&args, 99, true));
	ck_assert_ptr_null(peal_args_item(&args, 3, &length));
	ck_assert_ptr_null(peal_args_json(&args, SIZE_MAX));
	ck_assert(!peal_args_bytes(&args, 0, &bytes));
	peal_args_deinit(&args);
	receive(&args, "", 0);
	ck_assert_ptr_null(peal_args_item(&args, 0, &length));
	ck_assert_ptr_null(peal_args_string(&args, 0));
	peal_args_deinit(&args);
}
END_TEST

START_TEST(strings_and_trees_stay_where_they_are_as_long_as_the_arguments)
{
	struct peal_args args;
	receive(&args, "\"a\",\"b\",[1]", 3);
	const char *a = peal_args_string(&args, 0);
	const char *b = peal_args_string(&args, 1);
	const cJSON *tree = peal_args_json(&args, 2);
	ck_assert_ptr_eq(peal_args_string(&args, 0), a);
	ck_assert_ptr_eq(peal_args_string(&args, 1), b);
	ck_assert_ptr_eq(peal_args_json(&args, 2), tree);
	ck_assert_str_eq(a, "a");
	ck_assert_str_eq(b, "b");
	peal_args_deinit(&args);
}
END_TEST

START_TEST(a_string_with_a_nul_is_not_given_as_a_c_string)
{
	struct peal_args args;
	receive(&args, "\"a\\u0000b\"", 1);
	ck_assert_ptr_null(peal_args_string(&args, 0));
	ck_assert_str_eq(peal_args_json(&args, 0)->valuestring, "a\xef\xbf\xbd"
								"b");
	peal_args_deinit(&args);
}
END_TEST

START_TEST(very_many_arguments_are_found_by_their_index)
{
	enum { COUNT = 100000 };
	struct peal_args args;
	char *text = malloc(COUNT * 8), *at = text;
	for (int i = 0; i < COUNT; i++)
		at += sprintf(at, "%s%d", i ? "," : "", i);
	peal_args_init(&args, text, (size_t)(at - text), COUNT, NULL, 0);
	/* Backwards, which a walk from the start would take hours for. */
	for (size_t i = COUNT; i-- > 0;)
		ck_assert(peal_args_number(&args, i, -1) == (double)i);
	peal_args_deinit(&args);
	free(text);
}
END_TEST

START_TEST(a_fake_placeholder_without_attachments_is_no_binary)
{
	struct peal_args args;
	struct peal_bytes bytes, one = { "x", 1 };
	const char *text = "{\"_placeholder\":true,\"num\":0}";
	receive(&args, text, 1);
	ck_assert(!peal_args_bytes(&args, 0, &bytes));
	ck_assert_ptr_nonnull(peal_args_json(&args, 0));
	peal_args_deinit(&args);
	peal_args_init(&args, text, strlen(text), 1, &one, 1);
	ck_assert(peal_args_bytes(&args, 0, &bytes));
	ck_assert_ptr_eq(bytes.bytes, one.bytes);
	peal_args_deinit(&args);
	text = "{\"_placeholder\":false,\"num\":0}";
	peal_args_init(&args, text, strlen(text), 1, &one, 1);
	ck_assert(!peal_args_bytes(&args, 0, &bytes));
	peal_args_deinit(&args);
}
END_TEST

static void assert_tree(const char *text, const char *expected)
{
	struct peal_buffer out = PEAL_BUFFER(1 << 20);
	cJSON *tree = peal_tree_parse(text, strlen(text));
	ck_assert_ptr_nonnull(tree);
	ck_assert(peal_tree_print(&out, tree, PEAL_LIMIT_JSON_DEPTH));
	ck_assert_str_eq(out.bytes, expected);
	cJSON_Delete(tree);
	peal_buffer_deinit(&out);
}

START_TEST(trees_take_all_that_json_has)
{
	assert_tree(" { \"a\" : [ 1 , { } , [ ] , \"x\" ] , \"b\" : null } ",
		    "{\"a\":[1,{},[],\"x\"],\"b\":null}");
	assert_tree("\"\\ud800 \\ud83d\\ude00\"", "\"\xef\xbf\xbd \xf0\x9f\x98\x80\"");
	assert_tree("1000000000000000000000000000000000000000000000000000000000000000000000000000",
		    "1e+75");
	assert_tree("{\"a\\u0000\":1,\"a\":2}", "{\"a\xef\xbf\xbd\":1,\"a\":2}");
	assert_tree("[[[[[]]]],[{}],{\"x\":{\"y\":[{}]}}]", "[[[[[]]]],[{}],{\"x\":{\"y\":[{}]}}]");
	assert_tree("true", "true");
}
END_TEST

START_TEST(a_tree_may_be_as_deep_as_the_validator_allows)
{
	static char text[2 * PEAL_LIMIT_JSON_DEPTH + 1];
	memset(text, '[', PEAL_LIMIT_JSON_DEPTH);
	memset(text + PEAL_LIMIT_JSON_DEPTH, ']', PEAL_LIMIT_JSON_DEPTH);
	assert_tree(text, text);
}
END_TEST

START_TEST(acknowledgement_errors_have_the_texts_of_socket_io)
{
	ck_assert_ptr_null(peal_ack_strerror(PEAL_ACK_OK));
	ck_assert_str_eq(peal_ack_strerror(PEAL_ACK_TIMEOUT), "operation has timed out");
	ck_assert_str_eq(peal_ack_strerror(PEAL_ACK_DISCONNECTED), "socket has been disconnected");
	ck_assert_ptr_nonnull(peal_ack_strerror(PEAL_ACK_CLOSED));
}
END_TEST

UNIT_MAIN("args", c_values_become_json_by_their_type, the_words_true_and_false_are_integers_in_c11,
	  integers_keep_all_their_digits, numbers_that_are_not_finite_become_null,
	  up_to_16_values_can_be_listed, strings_are_escaped_and_must_be_utf8,
	  json_text_is_validated_and_passed_on,
	  json_text_may_be_as_deep_as_fits_into_the_argument_array,
	  a_tree_is_printed_compactly_as_javascript_would, a_tree_that_cannot_be_encoded_is_refused,
	  a_tree_that_is_too_deep_or_a_circle_is_refused,
	  bytes_become_placeholders_and_attachments_in_order,
	  more_than_ten_attachments_are_too_large,
	  an_attachment_larger_than_a_frame_is_refused_unread,
	  an_object_that_fakes_an_attachment_is_refused_beside_real_ones,
	  built_arguments_outlive_their_values, arguments_are_built_from_a_json_array,
	  arguments_are_not_built_from_anything_else, every_placeholder_needs_its_attachment,
	  each_argument_is_read_by_its_type, an_argument_of_another_type_gives_the_fallback,
	  strings_and_trees_stay_where_they_are_as_long_as_the_arguments,
	  a_string_with_a_nul_is_not_given_as_a_c_string,
	  very_many_arguments_are_found_by_their_index,
	  a_fake_placeholder_without_attachments_is_no_binary, trees_take_all_that_json_has,
	  a_tree_may_be_as_deep_as_the_validator_allows,
	  acknowledgement_errors_have_the_texts_of_socket_io)
