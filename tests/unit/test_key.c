/* Keys from files: what holds one, and what does not. The program's tests have the other mistakes.
 */
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "app/access/key.h"

static char path[] = "/tmp/peal-test-key-XXXXXX";
static struct peal_key key;
static struct peal_usage usage;

/* What a file is to hold. */
enum content { PUBLIC_KEY, CERTIFICATE, PRIVATE_KEY, PRIVATE_KEY_WITH_PASSWORD };

static void make_path(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void remove_path(void)
{
	unlink(path);
	peal_key_deinit(&key);
}

static void write_certificate(FILE *stream, EVP_PKEY *pair)
{
	X509 *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	ck_assert_int_eq(X509_set_pubkey(certificate, pair), 1);
	ck_assert_int_gt(X509_sign(certificate, pair, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_X509(stream, certificate), 1);
	X509_free(certificate);
}

static void write_file(EVP_PKEY *pair, enum content content)
{
	FILE *stream = fopen(path, "w");
	static char password[] = "password";

	ck_assert_ptr_nonnull(stream);
	fputs("text in front\n", stream);
	if (content == PUBLIC_KEY)
		ck_assert_int_eq(PEM_write_PUBKEY(stream, pair), 1);
	else if (content == CERTIFICATE)
		write_certificate(stream, pair);
	else if (content == PRIVATE_KEY)
		ck_assert_int_eq(PEM_write_PrivateKey(stream, pair, NULL, NULL, 0, NULL, NULL), 1);
	else
		ck_assert_int_eq(PEM_write_PKCS8PrivateKey(stream, pair, EVP_aes_256_cbc(),
							   password, (int)strlen(password), NULL,
							   NULL),
				 1);
	fclose(stream);
}

static int load(const char *algorithm, bool signing)
{
	char text[128];

	snprintf(text, sizeof(text), "%s:%s", algorithm, path);
	usage.text[0] = '\0';
	peal_key_deinit(&key);
	return peal_key_load("--key", text, signing, &key, &usage);
}

/* Does the key that was read fit to the pair? */
static bool fits(EVP_PKEY *pair, enum peal_key_algorithm algorithm)
{
	const struct peal_key signing = { .algorithm = algorithm, .pair = pair };
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES];
	size_t length;

	ck_assert(peal_key_sign(&signing, "text", 4, signature, &length));
	return peal_key_verify(&key, "text", 4, signature, length) &&
	       !peal_key_verify(&key, "tex", 3, signature, length);
}

START_TEST(a_public_key_and_a_certificate_are_the_same_key)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");

	for (unsigned content = PUBLIC_KEY; content <= CERTIFICATE; content++) {
		write_file(rsa, (enum content)content);
		ck_assert_int_eq(load("RS256", false), 0);
		ck_assert(fits(rsa, PEAL_KEY_RS256));
		ck_assert_int_eq(load("ES256", false), PEAL_USAGE_WRONG);
		write_file(ec, (enum content)content);
		ck_assert_int_eq(load("ES256@a.b", false), 0);
		ck_assert_str_eq(key.kid, "a.b");
		ck_assert(fits(ec, PEAL_KEY_ES256));
		ck_assert_int_eq(load("RS256", false), PEAL_USAGE_WRONG);
	}
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}
END_TEST

START_TEST(a_private_key_is_for_signing_only_and_never_asks_for_a_password)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256");

	write_file(ec, PRIVATE_KEY);
	ck_assert_int_eq(load("ES256", false), PEAL_USAGE_WRONG);
	ck_assert_ptr_nonnull(strstr(usage.text, "holds a private key"));
	ck_assert_int_eq(load("ES256", true), 0);
	ck_assert(fits(ec, PEAL_KEY_ES256));
	write_file(ec, PRIVATE_KEY_WITH_PASSWORD);
	ck_assert_int_eq(load("ES256", false), PEAL_USAGE_WRONG);
	ck_assert_int_eq(load("ES256", true), PEAL_USAGE_WRONG);
	ck_assert_ptr_nonnull(strstr(usage.text, "without a password"));
	write_file(ec, PUBLIC_KEY);
	ck_assert_int_eq(load("ES256", true), PEAL_USAGE_WRONG);
	EVP_PKEY_free(ec);
}
END_TEST

START_TEST(a_secret_is_the_first_line_of_its_file)
{
	FILE *stream = fopen(path, "w");

	fputs("0123456789abcdef0123456789abcdef\r\nmore\n", stream);
	fclose(stream);
	ck_assert_int_eq(load("HS256", false), 0);
	ck_assert_str_eq(key.secret, "0123456789abcdef0123456789abcdef");
	ck_assert_int_eq(truncate(path, 31), 0);
	ck_assert_int_eq(load("HS256", false), PEAL_USAGE_WRONG);
	ck_assert_ptr_null(strstr(usage.text, "0123456789"));
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(load("HS256", false), PEAL_USAGE_WRONG);
}
END_TEST

UNIT_MAIN_WITH("key", make_path, remove_path, a_public_key_and_a_certificate_are_the_same_key,
	       a_private_key_is_for_signing_only_and_never_asks_for_a_password,
	       a_secret_is_the_first_line_of_its_file)
