// Holds the answers of the HTTP API, and what they answer, against the OpenAPI document of the program. The helpers of
// the tests pass all their calls through here, so that document and program cannot part.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import ajv from "ajv/dist/2020.js";
import { root } from "./program.mjs";

export const text = readFileSync(`${root}src/app/openapi.json`, "utf8");
export const document = JSON.parse(text);

const Ajv = ajv.default ?? ajv;
const validator = new Ajv({ strictTypes: false, allowUnionTypes: true });
// What a document has besides its schemas.
validator.addVocabulary(["openapi", "info", "servers", "security", "tags", "paths", "components"]);
validator.addSchema(document, "peal");

const escaped = (step) => encodeURIComponent(String(step).replaceAll("~", "~0").replaceAll("/", "~1"));

// A place in the document, with what it refers to put in its place: { value, at }, at for a $ref of the validator.
function find(at) {
	let value = document;
	for (const step of at) value = value?.[step];
	return value?.$ref && at.at(-1) !== "schema" ? find(value.$ref.slice(2).split("/")) : { value, at };
}

function check(at, value, what) {
	const $ref = `peal#/${at.map(escaped).join("/")}`;
	const validate = validator.getSchema($ref) ?? assert.fail(`no schema ${$ref}`);
	assert.ok(validate(value), `${what}: ${validator.errorsText(validate.errors)}: ${JSON.stringify(value)?.slice(0, 500)}`);
}

function coerced(text, { type }) {
	if (type === "integer" && /^\d+$/.test(text)) return Number(text);
	if (type === "boolean") return { true: true, 1: true, false: false, 0: false }[text] ?? text;
	return text;
}

function checkQuery(at, query, what) {
	const known = new Map((find(at).value.parameters ?? []).map((_, i) => {
		const parameter = find([...at, "parameters", i]);
		return [parameter.value.name, parameter];
	}));
	const search = new URLSearchParams(query);
	for (const name of new Set(search.keys())) {
		const parameter = known.get(name) ?? assert.fail(`${what}: the parameter ${name} is not documented`);
		const schema = parameter.value.schema.$ref ? find(parameter.value.schema.$ref.slice(2).split("/")).value : parameter.value.schema;
		const values = search.getAll(name);
		check([...parameter.at, "schema"], schema.type === "array" ? values : coerced(values.at(-1), schema), `${what} ${name}`);
	}
}

const parsed = (body) => (typeof body === "string" || Buffer.isBuffer(body) ? JSON.parse(body.toString()) : body);

// Which statuses of which operations were seen by this process: "GET /api/nodes 200".
export const seen = new Set();

export function checkAnswer({ method, path: target, body }, answer) {
	const [path, query = ""] = target.split("?");
	const what = `${method} ${path} ${answer.status}`;
	const at = ["paths", path, method === "HEAD" ? "get" : method.toLowerCase()];
	if (!find(at).value) {
		assert.ok([401, 403, 404, 405].includes(answer.status), `${what}: not documented`);
		return;
	}
	const response = find([...at, "responses", answer.status]);
	assert.ok(response.value, `${what}: not documented`);
	seen.add(what);
	for (const name of Object.keys(response.value.headers ?? {})) {
		const header = find([...response.at, "headers", name]);
		const value = answer.headers[name.toLowerCase()];
		if (header.value.required) assert.notEqual(value, undefined, `${what}: ${name} is missing`);
		if (value !== undefined) check([...header.at, "schema"], coerced(value, header.value.schema), `${what} ${name}`);
	}
	if (answer.status < 300) {
		checkQuery(at, query, what);
		if (find([...at, "requestBody"]).value)
			check([...at, "requestBody", "content", "application/json", "schema"], parsed(body), `${what}: the body that was taken`);
	}
	const type = Object.keys(response.value.content ?? {})[0];
	// A body in chunks that is too large is refused below the API.
	if (!type || method === "HEAD" || (answer.status === 413 && !answer.text)) {
		assert.equal(answer.text, "", what);
		return;
	}
	assert.equal(answer.headers["content-type"].split(";")[0], type, what);
	check([...response.at, "content", type, "schema"], type === "application/json" ? JSON.parse(answer.text) : answer.text, what);
}
