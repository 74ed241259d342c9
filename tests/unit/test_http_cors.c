/* CORS headers: every row of the reference's table, and how they reach the wire. */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

#include "http/cors.h"

static const char *const one_origin[] = { "https://one.example" };
static const char *const two_origins[] = { "https://one.example", "https://two.example" };

static struct peal_cors_options options_of(enum peal_cors_origin origin, const char *const *origins,
					   size_t count)
{
	return (struct peal_cors_options){ .origin = origin,
					   .origins = origins,
					   .origin_count = count,
					   .max_age_seconds = -1,
					   .options_success_status = 204 };
}

/* The lines for a request with those headers; the status of a preflight goes to *ret_status. */
static const char *lines_for(const struct peal_cors_options *options, const char *method,
			     const char *origin, const char *asked_headers, unsigned *ret_status)
{
	static char text[2000];
	struct peal_buffer lines = PEAL_BUFFER(sizeof(text) - 1);
	struct peal_header headers[2];
	struct peal_request request = { .method = method, .url = "/", .headers = headers };
	struct peal_cors *cors;
	if (origin)
		headers[request.header_count++] = (struct peal_header){ "origin", origin };
	if (asked_headers)
		headers[request.header_count++] =
			(struct peal_header){ "Access-Control-Request-Headers", asked_headers };
	ck_assert_int_eq(peal_cors_new(options, &cors), 0);
	unsigned status = peal_cors_preflight(cors, &request, &lines);
	if (!status)
		peal_cors_headers(cors, &request, &lines);
	if (ret_status)
		*ret_status = status;
	ck_assert_int_eq(peal_buffer_error(&lines), 0);
	snprintf(text, sizeof(text), "%s", lines.bytes ? lines.bytes : "");
	peal_buffer_deinit(&lines);
	peal_cors_free(cors);
	return text;
}

#define ALLOW(origin) "Access-Control-Allow-Origin: " origin "\r\n"

START_TEST(off_means_no_headers_and_no_preflight)
{
	struct peal_cors_options options = options_of(PEAL_CORS_OFF, NULL, 0);
	struct peal_cors *cors = (void *)&options;
	unsigned status;
	ck_assert_int_eq(peal_cors_new(&options, &cors), 0);
	ck_assert_ptr_null(cors);
	ck_assert_str_eq(lines_for(&options, "GET", "https://one.example", NULL, NULL), "");
	ck_assert_str_eq(lines_for(&options, "OPTIONS", "https://one.example", "x", &status), "");
	ck_assert_uint_eq(status, 0);
}
END_TEST

START_TEST(any_origin_is_a_star_without_vary)
{
	struct peal_cors_options options = options_of(PEAL_CORS_ANY, NULL, 0);
	ck_assert_str_eq(lines_for(&options, "GET", "https://one.example", NULL, NULL), ALLOW("*"));
	ck_assert_str_eq(lines_for(&options, "GET", NULL, NULL, NULL), ALLOW("*"));
}
END_TEST

START_TEST(a_fixed_origin_is_sent_whatever_the_request_says)
{
	struct peal_cors_options options = options_of(PEAL_CORS_FIXED, one_origin, 1);
	const char *wanted = ALLOW("https://one.example") "Vary: Origin\r\n";
	ck_assert_str_eq(lines_for(&options, "GET", "https://other.example", NULL, NULL), wanted);
	ck_assert_str_eq(lines_for(&options, "GET", NULL, NULL, NULL), wanted);
}
END_TEST

START_TEST(a_list_answers_with_the_origin_that_matches_exactly)
{
	struct peal_cors_options options = options_of(PEAL_CORS_LIST, two_origins, 2);
	ck_assert_str_eq(lines_for(&options, "POST", "https://two.example", NULL, NULL),
			 ALLOW("https://two.example") "Vary: Origin\r\n");
	static const char *const others[] = { "https://other.example", "https://two.example.org",
					      "https://TWO.example", "null", "" };
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		ck_assert_str_eq(lines_for(&options, "GET", others[i], NULL, NULL),
				 "Vary: Origin\r\n");
	ck_assert_str_eq(lines_for(&options, "GET", NULL, NULL, NULL), "Vary: Origin\r\n");
}
END_TEST

START_TEST(reflection_answers_with_the_origin_of_the_request)
{
	struct peal_cors_options options = options_of(PEAL_CORS_REFLECT, NULL, 0);
	ck_assert_str_eq(lines_for(&options, "GET", "https://any.example", NULL, NULL),
			 ALLOW("https://any.example") "Vary: Origin\r\n");
	ck_assert_str_eq(lines_for(&options, "GET", NULL, NULL, NULL), "Vary: Origin\r\n");
	/* An invalid one is never echoed. */
	ck_assert_str_eq(lines_for(&options, "GET", "https://any\x01.example", NULL, NULL),
			 "Vary: Origin\r\n");
}
END_TEST

START_TEST(credentials_and_exposed_headers_are_on_every_answer)
{
	struct peal_cors_options options = options_of(PEAL_CORS_REFLECT, NULL, 0);
	options.credentials = true;
	options.exposed_headers = "X-One,X-Two";
	ck_assert_str_eq(lines_for(&options, "GET", "https://a", NULL, NULL),
			 ALLOW("https://a") "Access-Control-Allow-Credentials: true\r\n"
					    "Access-Control-Expose-Headers: X-One,X-Two\r\n"
					    "Vary: Origin\r\n");
}
END_TEST

#define METHODS "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"

START_TEST(a_preflight_echoes_the_headers_it_asks_for)
{
	struct peal_cors_options options = options_of(PEAL_CORS_ANY, NULL, 0);
	unsigned status;
	ck_assert_str_eq(lines_for(&options, "OPTIONS", "https://a", "x-one, x-two", &status),
			 ALLOW("*") METHODS "Access-Control-Allow-Headers: x-one, x-two\r\n"
					    "Vary: Access-Control-Request-Headers\r\n"
					    "Content-Length: 0\r\n");
	ck_assert_uint_eq(status, 204);
	/* It depends on them even when there are none. */
	ck_assert_str_eq(lines_for(&options, "OPTIONS", NULL, NULL, &status),
			 ALLOW("*") METHODS "Vary: Access-Control-Request-Headers\r\n"
					    "Content-Length: 0\r\n");
}
END_TEST

START_TEST(both_reasons_to_vary_share_one_header)
{
	struct peal_cors_options options = options_of(PEAL_CORS_LIST, one_origin, 1);
	ck_assert_str_eq(lines_for(&options, "OPTIONS", "https://one.example", "x", NULL),
			 ALLOW("https://one.example") METHODS
			 "Access-Control-Allow-Headers: x\r\n"
			 "Vary: Origin, Access-Control-Request-Headers\r\n"
			 "Content-Length: 0\r\n");
}
END_TEST

START_TEST(a_preflight_says_what_is_configured)
{
	struct peal_cors_options options = options_of(PEAL_CORS_FIXED, one_origin, 1);
	unsigned status;
	options.methods = "GET,POST";
	options.allowed_headers = "X-Mine";
	options.exposed_headers = "X-Seen";
	options.max_age_seconds = 0;
	options.credentials = true;
	options.options_success_status = 200;
	ck_assert_str_eq(lines_for(&options, "OPTIONS", "https://a", "x-other", &status),
			 ALLOW("https://one.example") "Access-Control-Allow-Credentials: true\r\n"
						      "Access-Control-Allow-Methods: GET,POST\r\n"
						      "Access-Control-Allow-Headers: X-Mine\r\n"
						      "Access-Control-Max-Age: 0\r\n"
						      "Access-Control-Expose-Headers: X-Seen\r\n"
						      "Vary: Origin\r\n");
	ck_assert_uint_eq(status, 200);
}
END_TEST

START_TEST(a_continued_preflight_gets_its_headers_from_the_answer)
{
	struct peal_cors_options options = options_of(PEAL_CORS_ANY, NULL, 0);
	unsigned status;
	options.preflight_continue = true;
	options.max_age_seconds = 600;
	ck_assert_str_eq(lines_for(&options, "OPTIONS", "https://a", "x", &status),
			 ALLOW("*") METHODS "Access-Control-Allow-Headers: x\r\n"
					    "Access-Control-Max-Age: 600\r\n"
					    "Vary: Access-Control-Request-Headers\r\n");
	ck_assert_uint_eq(status, 0);
}
END_TEST

START_TEST(options_that_would_break_a_header_are_refused)
{
	static const char *const empty[] = { "" }, *const split[] = { "https://a\r\nX: 1" };
	struct peal_cors_options bad[8];
	struct peal_cors *cors = NULL;
	bad[0] = options_of(PEAL_CORS_FIXED, NULL, 0);
	bad[1] = options_of(PEAL_CORS_LIST, NULL, 0);
	bad[2] = options_of(PEAL_CORS_FIXED, empty, 1);
	bad[3] = options_of(PEAL_CORS_LIST, split, 1);
	for (int i = 4; i < 8; i++)
		bad[i] = options_of(PEAL_CORS_ANY, NULL, 0);
	bad[4].methods = "GET\n";
	bad[5].allowed_headers = "X\r";
	bad[6].exposed_headers = "X\x01";
	bad[7].options_success_status = 99;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_int_eq(peal_cors_new(&bad[i], &cors), -EINVAL);
		ck_assert_ptr_null(cors);
	}
}
END_TEST

START_TEST(the_strings_of_the_options_are_copied)
{
	char origin[] = "https://one.example", methods[] = "GET";
	const char *origins[] = { origin };
	struct peal_cors_options options = options_of(PEAL_CORS_FIXED, origins, 1);
	struct peal_request request = { .method = "OPTIONS" };
	struct peal_buffer lines = PEAL_BUFFER(1000);
	struct peal_cors *cors;
	options.methods = methods;
	options.allowed_headers = "";
	ck_assert_int_eq(peal_cors_new(&options, &cors), 0);
	memset(origin, 'x', sizeof(origin));
	memset(methods, 'x', sizeof(methods));
	memset(origins, 0, sizeof(origins));
	ck_assert_uint_eq(peal_cors_preflight(cors, &request, &lines), 204);
	ck_assert_ptr_nonnull(strstr(lines.bytes, ALLOW("https://one.example")));
	ck_assert_ptr_nonnull(strstr(lines.bytes, "Access-Control-Allow-Methods: GET\r\n"));
	peal_buffer_deinit(&lines);
	peal_cors_free(cors);
}
END_TEST

#define HOST "Host: localhost\r\n"

START_TEST(everything_under_a_prefix_gets_its_cors_headers)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/cors/ HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Access-Control-Allow-Origin"), "*");
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_ptr_null(client_header(client, "Access-Control-Allow-Origin"));
	size_t requests = bench.requests;
	client_send(client, "OPTIONS /t/cors/?x HTTP/1.1\r\n" HOST
			    "Access-Control-Request-Headers: a\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 204);
	ck_assert_str_eq(client_header(client, "Content-Length"), "0");
	ck_assert_str_eq(client_header(client, "Access-Control-Allow-Headers"), "a");
	ck_assert_uint_eq(bench.requests, requests);
	/* Without CORS the handler decides. */
	client_send(client, "OPTIONS /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(bench.requests, requests + 1);
	client_free(client);
	bench_close();
}
END_TEST

UNIT_MAIN("http_cors", off_means_no_headers_and_no_preflight, any_origin_is_a_star_without_vary,
	  a_fixed_origin_is_sent_whatever_the_request_says,
	  a_list_answers_with_the_origin_that_matches_exactly,
	  reflection_answers_with_the_origin_of_the_request,
	  credentials_and_exposed_headers_are_on_every_answer,
	  a_preflight_echoes_the_headers_it_asks_for, both_reasons_to_vary_share_one_header,
	  a_preflight_says_what_is_configured,
	  a_continued_preflight_gets_its_headers_from_the_answer,
	  options_that_would_break_a_header_are_refused, the_strings_of_the_options_are_copied,
	  everything_under_a_prefix_gets_its_cors_headers)
