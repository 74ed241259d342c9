/* Signatures of webhooks: the example of the Standard Webhooks specification, and secrets. */
#include "unit.h"

#include <string.h>

#include "app/hooks/signature.h"

START_TEST(the_example_of_the_specification_is_signed_as_it_says)
{
	static const char body[] = "{\"test\": 2432232314}";
	struct peal_signature_secret secret;
	char text[PEAL_SIGNATURE_BYTES];

	ck_assert(peal_signature_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret));
	ck_assert(peal_signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body,
				 strlen(body), text));
	ck_assert_str_eq(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	peal_signature_secret_wipe(&secret);
	ck_assert_uint_eq(secret.length, 0);
}
END_TEST

START_TEST(a_secret_is_24_to_64_bytes_in_strict_base64)
{
	static const struct {
		const char *text;
		size_t length; /* 0: refused */
	} cases[] = {
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 24 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 24 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 32 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_=", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAA==",
		  64 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAA=",
		  0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		  0 },
		{ "whsec_whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "whsec_", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peal_signature_secret secret = { .length = 0 };

		ck_assert_msg(peal_signature_secret(cases[i].text, &secret) ==
				      (cases[i].length != 0),
			      "%s", cases[i].text);
		ck_assert_uint_eq(secret.length, cases[i].length);
	}
}
END_TEST

UNIT_MAIN("signature", the_example_of_the_specification_is_signed_as_it_says,
	  a_secret_is_24_to_64_bytes_in_strict_base64)
