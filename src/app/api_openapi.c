/*
 * GET /api/openapi.json: the document of openapi.json, which is part of the executable.
 */
#include "api_private.h"

#include "openapi_json.h"

void peal_api_openapi(struct peal_api *api, struct peal_http_request *request)
{
	(void)api;
	peal_api_reply(request, 200, openapi_json, sizeof(openapi_json) - 1);
}
