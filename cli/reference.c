#include "cli/reference.h"

#include "config/schema.h"
#include "config/value.h"

const char *reference_type(const struct key *k)
{
	static const char *const words[] = {
		[KEY_SECTION] = "section",
		[KEY_ITEMS] = "list",
		[KEY_STRING] = "text",
		[KEY_NAME] = "name",
		[KEY_URL] = "URL",
		[KEY_BOOL] = "true or false",
		[KEY_COUNT] = "whole number",
		[KEY_REAL] = "number",
		[KEY_AMOUNT] = "number or size",
		[KEY_DURATION] = "duration",
		[KEY_SIZE] = "size",
		[KEY_WORD] = "word",
		[KEY_TEXTS] = "list of texts",
		[KEY_HEADERS] = "names to secret texts",
		[KEY_ATTRIBUTES] = "names to values",
	};

	return words[k->type];
}

/* In a table, a | would end the cell. */
static void cell(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_u8(b, '\\');
		buf_u8(b, (uint8_t)*text);
	}
}

void reference_range(struct buf *b, const struct key *k)
{
	if (value_is_scalar(k) && k->least && k->most)
		buf_printf(b, ", %s to %s", k->least, k->most);
	else if (value_is_scalar(k) && k->least)
		buf_printf(b, ", at least %s", k->least);
	else if (k->most)
		buf_printf(b, ", at most %s", k->most);
}

static void page_type(struct buf *b, const struct key *k)
{
	if (k->type == KEY_WORD) {
		const char *at = k->words;

		for (size_t len; *at; at += len + (at[len] == ' ')) {
			len = strcspn(at, " ");
			buf_printf(b, "%s`%.*s`", at == k->words ? "" : ", ", (int)len, at);
		}
	} else {
		buf_str(b, reference_type(k));
	}
	reference_range(b, k);
}

static void page_row(struct buf *b, const struct key *k)
{
	buf_printf(b, "| `%s` | ", k->path);
	page_type(b, k);
	buf_str(b, " | ");
	if (k->flags & KEY_REQUIRED)
		buf_str(b, "must be set");
	else if (k->text && *k->text)
		buf_printf(b, "`%s`", k->text);
	buf_str(b, " | ");
	cell(b, k->help);
	if (k->flags & KEY_CHOICE)
		buf_str(b, " Exactly one of these.");
	if (k->flags & KEY_SECRET)
		buf_str(b, " A secret: never shown.");
	if (k->env) {
		const char *at = k->env;

		buf_str(b, " From the environment:");
		for (size_t len; *at; at += len + (at[len] == ' ')) {
			len = strcspn(at, " ");
			buf_printf(b, "%s `%.*s`", at == k->env ? "" : ",", (int)len, at);
		}
		buf_u8(b, '.');
	}
	buf_str(b, " |\n");
}

void reference_page(struct buf *b)
{
	buf_str(b,
		"# Configuration\n\n"
		"One YAML file. Every key has a default; `flightspan config print FILE` shows what is in\n"
		"effect and where it comes from, `flightspan config check FILE` what is wrong.\n"
		"[deploy/config/flightspan.yaml](../deploy/config/flightspan.yaml) shows all keys in use;\n"
		"[flightspan.schema.json](flightspan.schema.json) is for editors. This page is written by\n"
		"`flightspan config reference`.\n\n"
		"Durations are numbers with a unit (`300ms`, `1m30s`), sizes too (`64MiB`, `1GB`).\n"
		"`${VAR}`, `${env:VAR}` and `${VAR:-default}` are replaced in values, `$$` is a dollar\n"
		"sign. The stronger first: flags, the file, the environment, defaults. `*` in a pattern\n"
		"stands for any text. SIGHUP makes `run` read the file again.\n");
	for (const struct key *k = schema_keys; k->path; k++) {
		if (!strchr(k->path, '.') && (k->type == KEY_SECTION || k->type == KEY_ITEMS)) {
			buf_printf(b, "\n## %s\n\n%s", k->path, k->help);
			if (k->type == KEY_ITEMS && k->most)
				buf_printf(b, " A list of at most %s.", k->most);
			buf_str(b,
				"\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
			continue;
		}
		page_row(b, k);
	}
}

/* ---- JSON Schema ---- */

static void quoted(struct buf *b, const char *text)
{
	buf_u8(b, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_u8(b, '\\');
		buf_u8(b, (uint8_t)*text);
	}
	buf_u8(b, '"');
}

static void indent(struct buf *b, unsigned int depth)
{
	buf_u8(b, '\n');
	for (unsigned int i = 0; i < depth; i++)
		buf_str(b, "  ");
}

/*
 * A value may always be a text with ${VAR} in it, and null stands for the default; so
 * numbers and the like have both forms.
 */
static const char substitution[] = "{ \"type\": \"string\", \"pattern\": \"\\\\$\" }";

static void schema_number(struct buf *b, const struct key *k, const char *type)
{
	buf_printf(b, "\"anyOf\": [{ \"type\": [\"%s\", \"null\"]", type);
	if (k->least)
		buf_printf(b, ", \"minimum\": %s", k->least);
	if (k->most)
		buf_printf(b, ", \"maximum\": %s", k->most);
	buf_printf(b, " }, %s]", substitution);
}

static void schema_scalar(struct buf *b, const struct key *k)
{
	switch (k->type) {
	case KEY_BOOL:
		buf_printf(b, "\"anyOf\": [{ \"type\": [\"boolean\", \"null\"] }, %s]",
			   substitution);
		break;
	case KEY_COUNT:
		schema_number(b, k, "integer");
		break;
	case KEY_REAL:
		schema_number(b, k, "number");
		break;
	case KEY_WORD:
		buf_str(b, "\"anyOf\": [{ \"enum\": [");
		for (const char *at = k->words; *at;) {
			size_t len = strcspn(at, " ");

			buf_printf(b, "%s\"%.*s\"", at == k->words ? "" : ", ", (int)len, at);
			/* YAML 1.1 editors read a bare `off` as false. */
			if (len == 3 && !memcmp(at, "off", 3))
				buf_str(b, ", false");
			at += len + (at[len] == ' ');
		}
		buf_printf(b, ", null] }, %s]", substitution);
		break;
	default:
		buf_str(b, "\"type\": [\"string\", \"number\", \"boolean\", \"null\"]");
	}
}

static void schema_object(struct buf *b, const struct key *parent, unsigned int depth);

static void schema_value(struct buf *b, const struct key *k, unsigned int depth)
{
	buf_str(b, "\"description\": ");
	quoted(b, k->help);
	if (k->text && *k->text && !(k->flags & KEY_REQUIRED) && k->type != KEY_TEXTS) {
		buf_str(b, ", \"default\": ");
		if (k->type == KEY_BOOL || k->type == KEY_COUNT || k->type == KEY_REAL)
			buf_str(b, k->text);
		else
			quoted(b, k->text);
	}
	buf_str(b, ",");
	indent(b, depth);
	switch (k->type) {
	case KEY_SECTION:
		buf_str(b, "\"type\": [\"object\", \"null\"], ");
		schema_object(b, k, depth);
		break;
	case KEY_ITEMS:
		buf_printf(b, "\"type\": [\"array\", \"null\"], \"maxItems\": %s, \"items\": { ",
			   k->most);
		buf_str(b, "\"type\": \"object\", ");
		schema_object(b, k, depth);
		buf_str(b, " }");
		break;
	case KEY_TEXTS:
		buf_str(b, "\"type\": [\"array\", \"null\"], \"items\": { \"type\": [\"string\", "
			   "\"number\", \"boolean\"] }");
		break;
	case KEY_HEADERS:
	case KEY_ATTRIBUTES:
		buf_str(b,
			"\"type\": [\"object\", \"null\"], \"additionalProperties\": { \"type\": "
			"[\"string\", \"number\", \"boolean\", \"null\"] }");
		break;
	default:
		schema_scalar(b, k);
	}
}

/* "required" and, for a choice, "oneOf" behind the properties. */
static void schema_needs(struct buf *b, const struct key *parent, unsigned int depth)
{
	const char *separator = "\"required\": [";
	struct slice name;
	bool any = false;

	if (!parent)
		return;
	for (const struct key *k = parent + 1; k->path; k++) {
		if (!schema_is_child(parent, k, &name) || !(k->flags & KEY_REQUIRED))
			continue;
		if (!any) {
			buf_str(b, ",");
			indent(b, depth);
		}
		buf_str(b, any ? ", " : separator);
		any = true;
		quoted(b, (const char *)name.ptr);
	}
	if (any)
		buf_str(b, "]");
	any = false;
	for (const struct key *k = parent + 1; k->path; k++) {
		if (!schema_is_child(parent, k, &name) || !(k->flags & KEY_CHOICE))
			continue;
		if (!any) {
			buf_str(b, ",");
			indent(b, depth);
		}
		buf_str(b, any ? ", " : "\"oneOf\": [");
		any = true;
		buf_str(b, "{ \"required\": [");
		quoted(b, (const char *)name.ptr);
		buf_str(b, "] }");
	}
	if (any)
		buf_str(b, "]");
}

static void schema_object(struct buf *b, const struct key *parent, unsigned int depth)
{
	const char *separator = "";
	struct slice name;

	buf_str(b, "\"additionalProperties\": false,");
	indent(b, depth);
	buf_str(b, "\"properties\": {");
	for (const struct key *k = parent ? parent + 1 : schema_keys; k->path; k++) {
		if (!schema_is_child(parent, k, &name))
			continue;
		buf_str(b, separator);
		separator = ",";
		indent(b, depth + 1);
		quoted(b, (const char *)name.ptr);
		buf_str(b, ": { ");
		schema_value(b, k, depth + 2);
		buf_str(b, " }");
	}
	indent(b, depth);
	buf_str(b, "}");
	schema_needs(b, parent, depth);
}

void reference_schema(struct buf *b)
{
	buf_str(b, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		   "  \"title\": \"flightspan.yaml\",\n  \"type\": [\"object\", \"null\"],\n  ");
	schema_object(b, NULL, 1);
	buf_str(b, "\n}\n");
}
