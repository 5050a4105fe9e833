#include "mapping/keys.h"

#define X(id, name, type, where, meaning) { name, type, where, meaning },
const struct key_info key_infos[N_ATTRIBUTE_KEYS] = { ATTRIBUTE_KEYS(X) };
#undef X

#define X(id, name, type, where, meaning) { READY_KEY_TAG, sizeof(name) - 1, name READY_KEY_INT },
static const struct ready_key ready_keys[N_ATTRIBUTE_KEYS] = { ATTRIBUTE_KEYS(X) };
#undef X

#define X(id, name, type, where, meaning) { ready_keys[KEY_##id].text, sizeof(name) - 1 },
const struct slice key_names[N_ATTRIBUTE_KEYS] = { ATTRIBUTE_KEYS(X) };
#undef X
