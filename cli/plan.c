#include "cli/plan.h"

#include "base/mem.h"
#include "base/version.h"

static void add_attr(struct attr *attrs, size_t *n, const char *key, const char *value)
{
	if (!*value)
		return;
	attrs[(*n)++] = (struct attr){ .key = slice_str(key),
				       .type = ATTR_STRING,
				       .str = slice_str(value) };
}

static struct attr user_attr(const struct setting_pair *pair)
{
	struct attr a = { .key = slice_str(pair->name) };

	switch (pair->value.type) {
	case SCALAR_BOOL:
		a.type = ATTR_BOOL;
		a.b = pair->value.b;
		break;
	case SCALAR_INT:
		a.type = ATTR_INT;
		a.i = pair->value.i;
		break;
	case SCALAR_FLOAT:
		a.type = ATTR_DOUBLE;
		a.d = pair->value.d;
		break;
	default:
		a.type = ATTR_STRING;
		a.str = slice_str(pair->text);
	}
	return a;
}

/* The same bytes in every request: a fixed order. */
enum status plan_resource(struct resource *r, const struct service_settings *s, struct err *err)
{
	struct attr *attrs = mem_alloc((s->attributes.n + 8) * sizeof(*attrs));
	size_t n = 0;

	if (!attrs)
		return err_nomem(err, "the resource");
	add_attr(attrs, &n, "service.name", s->name);
	add_attr(attrs, &n, "service.namespace", s->namespace);
	add_attr(attrs, &n, "service.version", s->version);
	add_attr(attrs, &n, "service.instance.id", s->instance_id);
	add_attr(attrs, &n, "process.runtime.name", "go");
	add_attr(attrs, &n, "telemetry.distro.name", "flightspan");
	add_attr(attrs, &n, "telemetry.distro.version", FLIGHTSPAN_VERSION);
	for (size_t i = 0; i < s->attributes.n; i++)
		attrs[n++] = user_attr(&s->attributes.ptr[i]);
	*r = (struct resource){ attrs, n };
	return ST_OK;
}

void plan_resource_release(struct resource *r)
{
	/* The one place that allocated them may free them. */
	mem_free((void *)(uintptr_t)r->attrs); // NOLINT(performance-no-int-to-ptr)
	*r = (struct resource){ 0 };
}

static uint32_t to_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

void plan_mapper(struct mapper_options *o, const struct settings *settings)
{
	static const enum context_mode modes[] = { [SETTING_ADOPT] = CONTEXT_ADOPT,
						   [SETTING_LINK] = CONTEXT_LINK,
						   [SETTING_OFF] = CONTEXT_OFF };
	const struct mapping_settings *s = &settings->mapping;

	mapper_options_default(o);
	o->service_name = slice_str(settings->service.name);
	o->service_namespace = slice_str(settings->service.namespace);
	o->service_instance = slice_str(settings->service.instance_id);
	o->spans_over_ns = s->blocking.spans_over_ns;
	o->events_over_ns = s->blocking.events_over_ns;
	o->stacks = s->blocking.stacks;
	o->regions = s->regions;
	o->logs = s->logs;
	o->gc = s->runtime.gc;
	o->stop_the_world = s->runtime.stop_the_world;
	o->events_per_span = to_u32(s->limits.events_per_span);
	o->bytes_per_trace = s->limits.bytes_per_trace;
	o->spans_per_trace = o->spans_per_capture = to_u32(s->limits.spans_per_trace);
	o->attribute_length = to_u32(s->limits.attribute_bytes);
	o->context = modes[s->context.mode];
	o->metrics = s->metrics;
	o->links_per_span = to_u32(s->limits.links_per_span);
	o->context_categories = s->context.categories.ptr;
	o->n_context_categories = s->context.categories.n;
}

static bool is_for(const struct setting_texts *sources, const char *source)
{
	for (size_t i = 0; source && i < sources->n; i++) {
		if (!strcmp(sources->ptr[i], source))
			return true;
	}
	return !sources->n;
}

enum status plan_sampling(struct sampling_rule **out, struct mapper_options *o,
			  const struct settings *settings, const char *source, struct err *err)
{
	struct sampling_rule *rules = mem_alloc((settings->sampling.n + 1) * sizeof(*rules));
	size_t n = 0;

	if (!rules)
		return err_nomem(err, "sampling");
	for (size_t i = 0; i < settings->sampling.n; i++) {
		const struct sampling_settings *s = &settings->sampling.ptr[i];

		if (!is_for(&s->sources, source))
			continue;
		rules[n++] = (struct sampling_rule){ .by_latency = s->by_latency,
						     .by_log = s->by_log,
						     .longer_than_ns = s->longer_than_ns,
						     .category = s->category,
						     .message = s->message,
						     .keep = s->keep };
	}
	*out = rules;
	o->sampling = rules;
	o->n_sampling = n;
	return ST_OK;
}

struct span_limits plan_limits(const struct settings *s)
{
	return (struct span_limits){
		.attributes = s->mapping.limits.attributes_per_span,
		.links = s->mapping.limits.links_per_span,
		.event_attributes = s->mapping.limits.attributes_per_event,
		.link_attributes = s->mapping.limits.attributes_per_link,
	};
}
