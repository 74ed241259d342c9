/* Values one by one, both ways: the forms of notepack.io, and all others that its decoder takes. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>
#include <peal/emit.h>

#include "base/limits.h"
#include "protocol/msgpack.h"
#include "tests/unit/hex_case.h"

/* JSON text becomes MessagePack. */
static void assert_packs_with(const char *text, const struct peal_bytes *attachments, size_t count,
			      const char *expected)
{
	struct peal_buffer out = PEAL_BUFFER(1u << 24);
	ck_assert_int_eq(peal_msgpack_put_json(&out, text, strlen(text), attachments, count), 0);
	ck_assert_int_eq(peal_buffer_error(&out), 0);
	assert_hex(out.bytes ? out.bytes : "", out.length, expected);
	peal_buffer_deinit(&out);
}

static void assert_packs(const char *text, const char *expected)
{
	assert_packs_with(text, NULL, 0, expected);
}

/* MessagePack becomes JSON text. Return: how many attachments. */
static size_t assert_prints_with(const char *hex, const char *expected,
				 struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS])
{
	size_t length, count = 0;
	char *bytes = hex_bytes(hex, &length);
	struct peal_buffer out = PEAL_BUFFER(1u << 24);
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length);
	ck_assert_int_eq(peal_msgpack_to_json(&reader, &out, attachments, &count), 0);
	ck_assert_ptr_eq(reader.at, reader.end);
	ck_assert_str_eq(out.bytes, expected);
	ck_assert_uint_eq(strlen(expected), out.length);
	reader = peal_msgpack_reader(bytes, length);
	ck_assert(peal_msgpack_skip(&reader));
	ck_assert_ptr_eq(reader.at, reader.end);
	peal_buffer_deinit(&out);
	free(bytes);
	return count;
}

static void assert_prints(const char *hex, const char *expected)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	ck_assert_uint_eq(assert_prints_with(hex, expected, attachments), 0);
}

static void assert_both(const char *text, const char *hex)
{
	assert_packs(text, hex);
	assert_prints(hex, text);
}

static int print_error(const void *bytes, size_t length)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	size_t count = 0;
	struct peal_buffer out = PEAL_BUFFER(1u << 24);
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length);
	int r = peal_msgpack_to_json(&reader, &out, attachments, &count);
	peal_buffer_deinit(&out);
	return r;
}

static void assert_malformed(const char *hex)
{
	size_t length;
	char *bytes = hex_bytes(hex, &length);
	ck_assert_msg(print_error(bytes, length) == -EINVAL, "%s", hex);
	free(bytes);
}

START_TEST(numbers_take_the_shortest_form)
{
	assert_both("0", "00");
	assert_both("127", "7f");
	assert_both("128", "cc80");
	assert_both("255", "ccff");
	assert_both("256", "cd0100");
	assert_both("65535", "cdffff");
	assert_both("65536", "ce00010000");
	assert_both("4294967295", "ceffffffff");
	assert_both("4294967296", "cf0000000100000000");
	assert_both("9007199254740991", "cf001fffffffffffff");
	assert_both("-1", "ff");
	assert_both("-32", "e0");
	assert_both("-33", "d0df");
	assert_both("-128", "d080");
	assert_both("-129", "d1ff7f");
	assert_both("-32768", "d18000");
	assert_both("-32769", "d2ffff7fff");
	assert_both("-2147483648", "d280000000");
	assert_both("-2147483649", "d3ffffffff7fffffff");
	assert_both("-9007199254740991", "d3ffe0000000000001");
	assert_both("1.5", "cb3ff8000000000000");
}
END_TEST

START_TEST(numbers_are_what_they_are_to_javascript)
{
	assert_packs("1.0", "01");
	assert_packs("-0", "00");
	assert_packs("1e2", "64");
	assert_packs("10e-1", "01");
	assert_packs("9007199254740992", "cb4340000000000000");
	assert_packs("12345678901234567890", "cb43e56a95319d63e1");
	assert_packs("1e400", "cb7ff0000000000000");
	assert_prints("cb7ff8000000000000", "null");
	assert_prints("cb7ff0000000000000", "null");
	assert_prints("ca3dcccccd", "0.10000000149011612");
	assert_prints("cf0020000000000001", "9007199254740992");
	assert_prints("cfffffffffffffffff", "18446744073709552000");
	assert_prints("d38000000000000000", "-9223372036854776000");
	assert_prints("cb8000000000000000", "0");
}
END_TEST

START_TEST(forms_that_are_longer_than_needed_are_read)
{
	assert_prints("cc05", "5");
	assert_prints("cd0005", "5");
	assert_prints("ce00000005", "5");
	assert_prints("cf0000000000000005", "5");
	assert_prints("d005", "5");
	assert_prints("d10005", "5");
	assert_prints("d200000005", "5");
	assert_prints("d30000000000000005", "5");
	assert_prints("d90161", "\"a\"");
	assert_prints("da000161", "\"a\"");
	assert_prints("db0000000161", "\"a\"");
	assert_prints("dc0001c0", "[null]");
	assert_prints("dd00000001c0", "[null]");
	assert_prints("de0001a161c0", "{\"a\":null}");
	assert_prints("df00000001a161c0", "{\"a\":null}");
}
END_TEST

START_TEST(text_is_utf_8_with_the_head_of_its_length)
{
	char text[70002], hex[140020];
	assert_both("\"\"", "a0");
	assert_both("\"\303\251\342\202\254\360\237\230\200\"", "a9c3a9e282acf09f9880");
	assert_packs("\"\\u00e9\\u20ac\\ud83d\\ude00\"", "a9c3a9e282acf09f9880");
	assert_packs("\"a\\ud800b\"", "a561efbfbd62");
	assert_packs("\"\\u0000\\n\\\"\"", "a3000a22");
	static const struct {
		size_t length;
		const char *head;
	} cases[] = { { 31, "bf" },	 { 32, "d920" },      { 255, "d9ff" },
		      { 256, "da0100" }, { 65535, "daffff" }, { 65536, "db00010000" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t length = cases[i].length;
		memset(text, 'a', sizeof(text));
		text[0] = text[length + 1] = '"';
		text[length + 2] = '\0';
		strcpy(hex, cases[i].head);
		for (size_t j = 0; j < length; j++)
			strcat(hex + 2 * j, "61");
		assert_both(text, hex);
	}
}
END_TEST

START_TEST(an_escape_makes_text_shorter_and_its_head_too)
{
	/* 33 characters of JSON, which is 28 bytes: the head is the short one. */
	assert_packs("\"\\u0041bcdefghijklmnopqrstuvwxyzAB\"",
		     "bc4162636465666768696a6b6c6d6e6f707172737475767778797a4142");
	assert_packs("{\"\\u0061\":1}", "81a16101");
}
END_TEST

START_TEST(text_that_is_not_utf_8_is_repaired)
{
	assert_prints("a3616280", "\"ab\357\277\275\"");
	assert_prints("a561f09081a2", "\"a\360\220\201\242\"");
	assert_prints("a661eda080eda0",
		      "\"a\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275\"");
	assert_prints("a5e28261f09f", "\"\357\277\275a\357\277\275\"");
	assert_prints("81a1ff01", "{\"\357\277\275\":1}");
	assert_prints("a6410aff220841", "\"A\\n\357\277\275\\\"\\bA\"");
}
END_TEST

START_TEST(arrays_and_maps_nest)
{
	assert_both("[]", "90");
	assert_both("{}", "80");
	assert_both("[[],{},[1,[2]],{\"a\":{\"b\":[]}}]", "949080920191"
							  "02"
							  "81a16181a16290");
	assert_packs(" [ 1 , { \"a\" : [ ] } ] ", "920181a16190");
	assert_both("[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]",
		    "dc0010000102030405060708090a0b0c0d0e0f");
}
END_TEST

START_TEST(several_values_with_commas_follow_each_other)
{
	assert_packs("1, \"a\" ,[]", "01a16190");
	assert_packs("", "");
	assert_packs("  ", "");
}
END_TEST

START_TEST(keys_come_as_in_an_object_of_javascript)
{
	assert_packs("{\"b\":1,\"a\":2}", "82a16201a16102");
	assert_packs("{\"b\":1,\"2\":2,\"a\":3,\"1\":4}", "84a13104a13202a16201a16103");
	assert_packs("{\"01\":1,\"4294967295\":2,\"4294967294\":3,\"-1\":4}",
		     "84aa34323934393637323934"
		     "03"
		     "a2303101"
		     "aa34323934393637323935"
		     "02"
		     "a22d3104");
	assert_packs("{\"a\":1,\"b\":2,\"a\":[3]}", "82a1619103a16202");
	assert_packs("{\"a\":1,\"\\u0061\":2}", "81a16102");
	assert_packs("{\"x\":{\"a\":1,\"1\":{\"b\":1,\"0\":[2]}}}",
		     "81a17882a13182a1309102a16201a16101");
}
END_TEST

START_TEST(the_last_of_many_equal_keys_wins)
{
	struct peal_buffer text = PEAL_BUFFER(1 << 20);
	peal_buffer_append_char(&text, '{');
	for (int i = 0; i < 100; i++)
		peal_buffer_append_format(&text, "%s\"k%d\":%d", i ? "," : "", i % 3, i);
	peal_buffer_append_char(&text, '}');
	assert_packs(text.bytes, "83a26b3063a26b3161a26b3262");
	peal_buffer_deinit(&text);
}
END_TEST

START_TEST(a_map_of_sixteen_that_shrinks_has_the_short_head)
{
	assert_packs(
		"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,"
		"\"j\":10,\"k\":11,\"l\":12,\"m\":13,\"n\":14,\"o\":15,\"a\":16}",
		"8fa16110a16202a16303a16404a16505a16606a16707a16808a16909a16a0aa16b0ba16c0ca16d"
		"0da16e0ea16f0f");
}
END_TEST

START_TEST(binary_takes_the_place_of_its_placeholder)
{
	const struct peal_bytes attachments[] = { { "\1\2", 2 }, { "", 0 } };
	assert_packs_with("{\"_placeholder\":true,\"num\":0}", attachments, 2, "c4020102");
	assert_packs_with("[{\"num\":1,\"_placeholder\":true},{\"_placeholder\":true,\"num\":0},3]",
			  attachments, 2, "93c400c402010203");
	assert_packs_with("{\"\\u005fplaceholder\":true,\"num\":0.0,\"x\":[{\"y\":[]}]},[1]",
			  attachments, 2, "c40201029101");
	assert_packs_with("{\"_placeholder\":false,\"num\":0}", attachments, 2,
			  "82ac5f706c616365686f6c646572c2a36e756d00");
	assert_packs_with("{\"_placeholder\":\"true\"}", attachments, 2,
			  "81ac5f706c616365686f6c646572a474727565");
	/* Without attachments it is an object. */
	assert_packs("{\"_placeholder\":true,\"num\":0}",
		     "82ac5f706c616365686f6c646572c3a36e756d00");
}
END_TEST

START_TEST(a_placeholder_without_its_attachment_is_refused)
{
	const struct peal_bytes attachments[] = { { "\1", 1 } };
	static const char *const texts[] = { "{\"_placeholder\":true,\"num\":1}",
					     "{\"_placeholder\":true,\"num\":-1}",
					     "{\"_placeholder\":true,\"num\":0.5}",
					     "{\"_placeholder\":true,\"num\":\"0\"}",
					     "{\"_placeholder\":true,\"num\":0,\"num\":[]}",
					     "[{\"a\":{\"_placeholder\":true}}]" };
	struct peal_buffer out = PEAL_BUFFER(4096), many = PEAL_BUFFER(4096);
	for (int i = 0; i <= PEAL_LIMIT_ATTACHMENTS; i++)
		peal_buffer_append_format(&many, "%s{\"_placeholder\":true,\"num\":0}",
					  i ? "," : "");
	ck_assert_int_eq(peal_msgpack_put_json(&out, many.bytes, many.length, attachments, 1),
			 PEAL_EMIT_E_INVALID);
	peal_buffer_deinit(&many);
	peal_buffer_deinit(&out);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		out = PEAL_BUFFER(4096);
		ck_assert_msg(peal_msgpack_put_json(&out, texts[i], strlen(texts[i]), attachments,
						    1) == PEAL_EMIT_E_INVALID,
			      "%s", texts[i]);
		peal_buffer_deinit(&out);
	}
}
END_TEST

START_TEST(binary_becomes_attachments)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	size_t count = assert_prints_with("93c4020102c400c5000109",
					  "[{\"_placeholder\":true,\"num\":0},"
					  "{\"_placeholder\":true,\"num\":1},"
					  "{\"_placeholder\":true,\"num\":2}]",
					  attachments);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(attachments[0].length, 2);
	ck_assert_uint_eq(attachments[1].length, 0);
	ck_assert_uint_eq(attachments[2].length, 1);
}
END_TEST

START_TEST(more_binary_than_a_packet_may_have_is_told)
{
	static const unsigned char bytes[] = { 0x9b, 0xc4, 0, 0xc4, 0, 0xc4, 0, 0xc4,
					       0,    0xc4, 0, 0xc4, 0, 0xc4, 0, 0xc4,
					       0,    0xc4, 0, 0xc4, 0, 0xc4, 0 };
	ck_assert_int_eq(print_error(bytes, sizeof(bytes)), -E2BIG);
}
END_TEST

START_TEST(a_map_that_looks_like_a_placeholder_is_disarmed)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_buffer out = PEAL_BUFFER(4096);
	size_t length, count = 0;
	char *bytes = hex_bytes("9382ac5f706c616365686f6c646572c3a36e756d00c40101"
				"b5225f706c616365686f6c646572223a20747275657d",
				&length);
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length);
	ck_assert_int_eq(peal_msgpack_to_json(&reader, &out, attachments, &count), 0);
	ck_assert_uint_eq(count, 1);
	peal_msgpack_disarm(out.bytes, out.length);
	ck_assert_str_eq(out.bytes, "[{\"_placeholder\": null,\"num\":0},"
				    "{\"_placeholder\":true,\"num\":0},"
				    "\"\\\"_placeholder\\\": true}\"]");
	peal_buffer_deinit(&out);
	free(bytes);
}
END_TEST

START_TEST(dates_become_iso_strings)
{
	assert_prints("d6ff00000000", "\"1970-01-01T00:00:00.000Z\"");
	assert_prints("d7ff1d5353006553f100", "\"2023-11-14T22:13:20.123Z\"");
	assert_prints("c70cff3b8b87c0ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\"");
	assert_prints("d7ff0000000100000000", "\"2106-02-07T06:28:16.000Z\"");
	assert_prints("c70cff000000000000000000000000", "\"1970-01-01T00:00:00.000Z\"");
	assert_prints("d7000000018bcfe5687b", "\"2023-11-14T22:13:20.123Z\"");
	assert_prints("d6ff386d4380", "\"2000-01-01T00:00:00.000Z\"");
	assert_prints("d6ff38bc5d80", "\"2000-03-01T00:00:00.000Z\"");
	assert_prints("c70cff000000007fffffffffffffff", "null");
}
END_TEST

START_TEST(the_first_and_the_last_date_have_years_of_six_digits)
{
	/* 8.64e12 seconds to either side */
	assert_prints("c70cff00000000000007dba8218000", "\"+275760-09-13T00:00:00.000Z\"");
	assert_prints("c70cff00000000fffff82457de8000", "\"-271821-04-20T00:00:00.000Z\"");
	assert_prints("c70cff00000000000007dba8218001", "null");
}
END_TEST

START_TEST(the_forms_of_old_servers_are_understood)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	assert_prints("d40000", "null");
	assert_prints("92d4000001", "[null,1]");
	assert_prints("82a161d40000a16201", "{\"b\":1}");
	assert_prints("82a16101a162d40000", "{\"a\":1}");
	/* An ArrayBuffer of eight bytes is no date. */
	ck_assert_uint_eq(assert_prints_with("c708000102030405060708",
					     "{\"_placeholder\":true,\"num\":0}", attachments),
			  1);
	ck_assert_uint_eq(
		assert_prints_with("c800010001", "{\"_placeholder\":true,\"num\":0}", attachments),
		1);
	ck_assert_uint_eq(assert_prints_with("d505aabb", "[5,{\"_placeholder\":true,\"num\":0}]",
					     attachments),
			  1);
	ck_assert_uint_eq(assert_prints_with("c703fbaabbcc",
					     "[-5,{\"_placeholder\":true,\"num\":0}]", attachments),
			  1);
}
END_TEST

START_TEST(keys_that_are_no_strings_become_what_javascript_makes_of_them)
{
	assert_prints("810501", "{\"5\":1}");
	assert_prints("81ff01", "{\"-1\":1}");
	assert_prints("81c001", "{\"null\":1}");
	assert_prints("81c301", "{\"true\":1}");
	assert_prints("81cb3ff800000000000001", "{\"1.5\":1}");
	assert_prints("81cb7ff800000000000001", "{\"NaN\":1}");
	assert_prints("81cbfff000000000000001", "{\"-Infinity\":1}");
	assert_prints("81c4026122"
		      "01",
		      "{\"a\\\"\":1}");
	assert_prints("8193019102c001", "{\"1,2,\":1}");
	assert_prints("8181a1610101", "{\"[object Object]\":1}");
	assert_prints("81d4000001", "{\"undefined\":1}");
	assert_prints("81d6ff0000000001",
		      "{\"Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)\":1}");
}
END_TEST

START_TEST(what_is_cut_off_is_malformed)
{
	static const char *const cases[] = {
		"",	      "c1",   "cc",	  "cd00",	"ce000000",   "cf00",
		"d0",	      "d300", "a2",	  "a261",	"d9",	      "d90261",
		"dbffffffff", "c4",   "c402",	  "c6ffffffff", "91",	      "81",
		"81a161",     "92c0", "dc0002c0", "ddffffffff", "dfffffffff", "c7",
		"c70500",     "d4",   "d400",	  "ca0000",	"cb00",	      "81c1c0"
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_malformed(cases[i]);
	assert_malformed("c40261");
}
END_TEST

START_TEST(every_beginning_of_a_value_is_malformed)
{
	static const char hex[] =
		"85a16101a16293c4020102cb3ff8000000000000d6ff00000000a163c0a164d90161"
		"a165de0001ff80";
	size_t length;
	char *bytes = hex_bytes(hex, &length);
	ck_assert_int_eq(print_error(bytes, length), 0);
	for (size_t i = 0; i < length; i++) {
		char *part = malloc(i ? i : 1);
		memcpy(part, bytes, i);
		ck_assert_int_eq(print_error(part, i), -EINVAL);
		struct peal_msgpack_reader reader = peal_msgpack_reader(part, i);
		ck_assert(!peal_msgpack_skip(&reader));
		free(part);
	}
	free(bytes);
}
END_TEST

START_TEST(nesting_has_a_limit_both_ways)
{
	enum { LIMIT = PEAL_LIMIT_JSON_DEPTH - 1 };
	char bytes[LIMIT + 2], text[2 * LIMIT + 10];
	memset(bytes, 0x91, sizeof(bytes));
	bytes[LIMIT - 1] = (char)0x90;
	ck_assert_int_eq(print_error(bytes, LIMIT), 0);
	bytes[LIMIT - 1] = (char)0x91;
	bytes[LIMIT] = (char)0x90;
	ck_assert_int_eq(print_error(bytes, LIMIT + 1), -EINVAL);

	struct peal_buffer out = PEAL_BUFFER(4096);
	memset(text, '[', PEAL_LIMIT_JSON_DEPTH);
	memset(text + PEAL_LIMIT_JSON_DEPTH, ']', PEAL_LIMIT_JSON_DEPTH);
	ck_assert_int_eq(peal_msgpack_put_json(&out, text, 2 * PEAL_LIMIT_JSON_DEPTH, NULL, 0), 0);
	ck_assert_uint_eq(out.length, PEAL_LIMIT_JSON_DEPTH);
	memset(text, '[', PEAL_LIMIT_JSON_DEPTH + 1);
	memset(text + PEAL_LIMIT_JSON_DEPTH + 1, ']', PEAL_LIMIT_JSON_DEPTH + 1);
	ck_assert_int_eq(peal_msgpack_put_json(&out, text, 2 * PEAL_LIMIT_JSON_DEPTH + 2, NULL, 0),
			 PEAL_EMIT_E_INVALID);
	peal_buffer_deinit(&out);
}
END_TEST

START_TEST(the_ceiling_of_the_output_is_kept)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	size_t length, count = 0;
	char *bytes = hex_bytes("93c0c0c0", &length);
	struct peal_buffer out = PEAL_BUFFER(8);
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length);
	ck_assert_int_eq(peal_msgpack_to_json(&reader, &out, attachments, &count), -EMSGSIZE);
	peal_buffer_deinit(&out);
	free(bytes);

	out = PEAL_BUFFER(3);
	ck_assert_int_eq(peal_msgpack_put_json(&out, "\"abc\"", 5, NULL, 0), 0);
	ck_assert_int_eq(peal_buffer_error(&out), -EMSGSIZE);
	peal_buffer_deinit(&out);
}
END_TEST

/* Objects in objects, each with a key too many: to put all of them right would cost the square. */
START_TEST(absurd_objects_stay_as_they_came_and_are_well_formed)
{
	struct peal_buffer text = PEAL_BUFFER(1 << 24), out = PEAL_BUFFER(1 << 24);
	enum { DEEP = 500 };
	for (int i = 0; i < DEEP; i++)
		peal_buffer_append_text(&text, "{\"a\":1,\"1\":");
	peal_buffer_append_char(&text, '"');
	for (int i = 0; i < 100000; i++)
		peal_buffer_append_char(&text, 'x');
	peal_buffer_append_char(&text, '"');
	for (int i = 0; i < DEEP; i++)
		peal_buffer_append_char(&text, '}');
	ck_assert_int_eq(peal_msgpack_put_json(&out, text.bytes, text.length, NULL, 0), 0);
	struct peal_msgpack_reader reader = peal_msgpack_reader(out.bytes, out.length);
	ck_assert(peal_msgpack_skip(&reader));
	ck_assert_ptr_eq(reader.at, reader.end);
	peal_buffer_deinit(&text);
	peal_buffer_deinit(&out);
}
END_TEST

START_TEST(the_writer_has_a_form_for_each_value)
{
	struct peal_buffer out = PEAL_BUFFER(4096);
	peal_msgpack_put_nil(&out);
	peal_msgpack_put_undefined(&out);
	peal_msgpack_put_bool(&out, true);
	peal_msgpack_put_bool(&out, false);
	peal_msgpack_put_int(&out, INT64_MIN);
	peal_msgpack_put_uint(&out, UINT64_MAX);
	peal_msgpack_put_double(&out, 2);
	peal_msgpack_put_double(&out, -NAN);
	peal_msgpack_put_double(&out, 9007199254740992.0);
	peal_msgpack_put_text(&out, "a");
	peal_msgpack_put_binary(&out, NULL, 0);
	peal_msgpack_put_array(&out, 65536);
	peal_msgpack_put_map(&out, 16);
	assert_hex(out.bytes, out.length,
		   "c0d40000c3c2d38000000000000000cfffffffffffffffff02cb7ff8000000000000"
		   "cb4340000000000000a161c400dd00010000de0010");
	peal_buffer_deinit(&out);
}
END_TEST

UNIT_MAIN("msgpack", numbers_take_the_shortest_form, numbers_are_what_they_are_to_javascript,
	  forms_that_are_longer_than_needed_are_read, text_is_utf_8_with_the_head_of_its_length,
	  an_escape_makes_text_shorter_and_its_head_too, text_that_is_not_utf_8_is_repaired,
	  arrays_and_maps_nest, several_values_with_commas_follow_each_other,
	  keys_come_as_in_an_object_of_javascript, the_last_of_many_equal_keys_wins,
	  a_map_of_sixteen_that_shrinks_has_the_short_head,
	  binary_takes_the_place_of_its_placeholder,
	  a_placeholder_without_its_attachment_is_refused, binary_becomes_attachments,
	  more_binary_than_a_packet_may_have_is_told,
	  a_map_that_looks_like_a_placeholder_is_disarmed, dates_become_iso_strings,
	  the_first_and_the_last_date_have_years_of_six_digits,
	  the_forms_of_old_servers_are_understood,
	  keys_that_are_no_strings_become_what_javascript_makes_of_them,
	  what_is_cut_off_is_malformed, every_beginning_of_a_value_is_malformed,
	  nesting_has_a_limit_both_ways, the_ceiling_of_the_output_is_kept,
	  absurd_objects_stay_as_they_came_and_are_well_formed,
	  the_writer_has_a_form_for_each_value)
