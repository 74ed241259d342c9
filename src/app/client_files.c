/*
 * The stock Socket.IO client, served under the path as Node.js servers do: with the client's
 * version as entity tag, so that browsers ask again after an update and get 304 otherwise.
 *
 * The files are read once, when the node starts: what happens to the folder later changes nothing.
 */
#include "client_files.h"

#include <errno.h>
#include <limits.h>
#include <peal/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest file of the package is a source map of 300 KB. */
#define FILE_CEILING (4u << 20)

static const char *const names[] = {
	"socket.io.js",
	"socket.io.js.map",
	"socket.io.min.js",
	"socket.io.min.js.map",
	"socket.io.esm.min.js",
	"socket.io.esm.min.js.map",
	"socket.io.msgpack.min.js",
	"socket.io.msgpack.min.js.map",
};
#define NAME_COUNT (sizeof(names) / sizeof(*names))

struct client_file {
	struct peal_client_files *files;
	char *text;
	size_t length;
	bool map;
};

struct peal_client_files {
	char version[32];
	char etag[40]; /* with its quotes */
	char directory[PATH_MAX];
	struct client_file file[NAME_COUNT];
};

/* Does the header If-None-Match name the tag? The weak form counts, as in the reference. */
static bool matches(const char *header, const char *etag)
{
	size_t length = strlen(etag);

	while (header && *header) {
		header += strspn(header, " \t,");
		if (*header == '*')
			return true;
		if (!strncmp(header, "W/", 2))
			header += 2;
		if (!strncmp(header, etag, length) && strchr(" \t,", header[length]))
			return true;
		header += strcspn(header, ",");
	}
	return false;
}

static void on_request(struct peal_http_request *request, void *userdata)
{
	const struct client_file *file = userdata;
	const struct peal_request *info = peal_http_request_info(request);
	const struct peal_header headers[] = {
		{ "Cache-Control", "public, max-age=0" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Content-Type", file->map ? "application/json; charset=utf-8"
					    : "application/javascript; charset=utf-8" },
		{ "ETag", file->files->etag },
	};
	size_t count = file->files->etag[0] ? 4 : 3;

	if (count == 4 && matches(peal_request_header(info, "If-None-Match"), file->files->etag)) {
		const struct peal_header known[] = { headers[0], headers[3] };

		peal_http_reply(request, 304, known, 2, NULL, 0);
		return;
	}
	peal_http_reply(request, 200, headers, count, file->text, file->length);
}

static int read_file(const char *directory, const char *name, char **ret_text, size_t *ret_length)
{
	char path[PATH_MAX];
	struct stat status;
	FILE *stream;
	char *text;
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return -ENAMETOOLONG;
	stream = fopen(path, "re");
	if (!stream)
		return -errno;
	if (fstat(fileno(stream), &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -ENOENT;
	else if (status.st_size > (off_t)FILE_CEILING)
		r = -EFBIG;
	text = r == 0 ? malloc((size_t)status.st_size + 1) : NULL;
	if (r == 0 && !text)
		r = -ENOMEM;
	if (text) {
		*ret_length = fread(text, 1, (size_t)status.st_size, stream);
		text[*ret_length] = '\0';
		*ret_text = text;
	}
	fclose(stream);
	return r;
}

/* Every bundle begins with a comment such as "Socket.IO v4.8.1". */
static void find_version(struct peal_client_files *files, const char *text)
{
	static const char banner[] = "Socket.IO v";
	const char *end = text + strnlen(text, 256);
	const char *found = strstr(text, banner);
	size_t length;

	if (!found || found >= end || files->version[0])
		return;
	found += sizeof(banner) - 1;
	length = strspn(found, "0123456789.-abcdefghijklmnopqrstuvwxyz");
	if (length == 0 || length >= sizeof(files->version))
		return;
	memcpy(files->version, found, length);
	snprintf(files->etag, sizeof(files->etag), "\"%s\"", files->version);
}

bool peal_client_files_found(const char *directory)
{
	char path[PATH_MAX];

	return (size_t)snprintf(path, sizeof(path), "%s/%s", directory, names[2]) < sizeof(path) &&
	       access(path, R_OK) == 0;
}

/*
 * Where installation and setup put the client, seen from the folder of the executable. The second
 * counts only in a build tree: an installed program must not look into folders of the machine it
 * was built on.
 */
static bool find_directory(char directory[PATH_MAX])
{
	static const char in_build_tree[] = "/src/app";
	char executable[PATH_MAX], path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	const char *relative = PEAL_CLIENT_FROM_BINDIR;
	char *slash;

	if (length <= 0)
		return false;
	executable[length] = '\0';
	slash = strrchr(executable, '/');
	if (!slash)
		return false;
	*slash = '\0';
	length = slash - executable - (ssize_t)(sizeof(in_build_tree) - 1);
	if (length >= 0 && !strcmp(executable + length, in_build_tree))
		relative = PEAL_CLIENT_FROM_BUILD;
	return (size_t)snprintf(path, sizeof(path), "%s/%s", executable, relative) < sizeof(path) &&
	       realpath(path, directory) && peal_client_files_found(directory);
}

int peal_client_files_attach(struct peal_node *node, const char *path, const char *directory,
			     struct peal_client_files **ret_files)
{
	struct peal_client_files *files = calloc(1, sizeof(*files));
	int r = 0;

	if (!files)
		return -ENOMEM;
	*ret_files = NULL;
	if (directory)
		snprintf(files->directory, sizeof(files->directory), "%s", directory);
	if (directory ? !peal_client_files_found(directory) : !find_directory(files->directory)) {
		free(files);
		return -ENOENT;
	}
	for (size_t i = 0; r == 0 && i < NAME_COUNT; i++) {
		struct client_file *file = &files->file[i];
		char url[PATH_MAX];

		file->files = files;
		file->map = i % 2 != 0;
		r = read_file(files->directory, names[i], &file->text, &file->length);
		if (r == -ENOENT) { /* older clients lack some */
			r = 0;
			continue;
		}
		if (r == 0) {
			find_version(files, file->text);
			snprintf(url, sizeof(url), "%s%s", path, names[i]);
			r = peal_http_route(node, url, "GET", 0, on_request, file);
		}
	}
	/* The routes that were made already need the files: the caller frees the node first. */
	*ret_files = files;
	return r;
}

int peal_client_files_also(struct peal_client_files *files, const struct peal_place *place,
			   const char *path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < NAME_COUNT; i++) {
		char url[PATH_MAX];

		if (!files->file[i].text)
			continue;
		snprintf(url, sizeof(url), "%s%s", path, names[i]);
		r = peal_place_route(place, url, "GET", 0, on_request, &files->file[i]);
	}
	return r;
}

void peal_client_files_free(struct peal_client_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < NAME_COUNT; i++)
		free(files->file[i].text);
	free(files);
}

const char *peal_client_files_version(const struct peal_client_files *files)
{
	return files->version;
}

const char *peal_client_files_directory(const struct peal_client_files *files)
{
	return files->directory;
}
