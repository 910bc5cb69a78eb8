/* result.c: walking a result.
 *
 * In: what the C function returned. Out: its items, as few types that every language knows. They point into the
 * result, which lives until glue_end.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "glue.h"

#include <string.h>

/* Every list of structs begins so. */
struct list {
  uint32_t len;
  char *val;
};

static struct glue_item
number (int64_t n, int wide)
{
  return (struct glue_item) { .type = GLUE_NUMBER, .n = n, .wide = wide };
}

static struct glue_item
count (uint64_t u, int wide)
{
  return (struct glue_item) { .type = GLUE_UNSIGNED, .u = u, .wide = wide };
}

static struct glue_item
text (const char *s)
{
  if (s == NULL)
    return (struct glue_item) { .type = GLUE_ABSENT };
  return (struct glue_item) { .type = GLUE_TEXT, .bytes = s, .size = strlen (s) };
}

enum glue_form
glue_form (const struct glue_call *call)
{
  switch (call->kind) {
  case GLUE_RESULT_NONE: return GLUE_NOTHING;
  case GLUE_RESULT_STR_LIST: return GLUE_LIST;
  case GLUE_RESULT_HASH: return GLUE_PAIRS;
  case GLUE_RESULT_STRUCT: return GLUE_RECORD;
  case GLUE_RESULT_STRUCT_LIST: return GLUE_RECORDS;
  default: return GLUE_ONE;
  }
}

size_t
glue_count (const struct glue_frame *f)
{
  size_t n = 0;

  switch (glue_form (f->call)) {
  case GLUE_LIST:
    while (f->result.list[n])
      n++;
    return n;
  case GLUE_PAIRS:
    while (f->result.list[2 * n] && f->result.list[2 * n + 1])
      n++;
    return n;
  case GLUE_RECORDS:
    return ((const struct list *) f->result.record)->len;
  default:
    return 1;
  }
}

struct glue_item
glue_one (const struct glue_frame *f)
{
  const struct glue_raw *r = &f->result;

  switch (f->call->kind) {
  case GLUE_RESULT_BOOL: return (struct glue_item) { .type = GLUE_TRUTH, .n = r->i != 0 };
  case GLUE_RESULT_INT: return number (r->i, 0);
  case GLUE_RESULT_INT64: return number (r->n, 1);
  case GLUE_RESULT_CONST_STR: case GLUE_RESULT_CONST_OPT_STR: return text (r->text);
  case GLUE_RESULT_STR: return text (r->s);
  case GLUE_RESULT_BUFFER: return (struct glue_item) { .type = GLUE_BYTES, .bytes = r->s, .size = r->size };
  default: return (struct glue_item) { .type = GLUE_ABSENT };
  }
}

struct glue_item
glue_at (const struct glue_frame *f, size_t i)
{
  return text (f->result.list[i]);
}

void
glue_pair (const struct glue_frame *f, size_t i, struct glue_item *key, struct glue_item *value)
{
  *key = text (f->result.list[2 * i]);
  *value = text (f->result.list[2 * i + 1]);
}

const void *
glue_record (const struct glue_frame *f, size_t i)
{
  if (f->call->kind == GLUE_RESULT_STRUCT)
    return f->result.record;
  return ((const struct list *) f->result.record)->val + i * f->call->structure->size;
}

#define MEMBER(TYPE, OFFSET) (*(const TYPE *) (const void *) ((const char *) record + (OFFSET)))

struct glue_item
glue_field (const struct glue_field *field, const void *record)
{
  const char *p = (const char *) record + field->offset;

  switch (field->type) {
  case GLUE_FIELD_CHAR:
    return (struct glue_item) { .type = GLUE_CHAR, .n = (unsigned char) *p, .bytes = p, .size = 1 };
  case GLUE_FIELD_STR: return text (MEMBER (char *, field->offset));
  case GLUE_FIELD_BUFFER:
    return (struct glue_item) {
      .type = GLUE_BYTES, .bytes = MEMBER (char *, field->offset), .size = MEMBER (uint32_t, field->len_offset)
    };
  case GLUE_FIELD_I32: return number (MEMBER (int32_t, field->offset), 0);
  case GLUE_FIELD_U32: return count (MEMBER (uint32_t, field->offset), 0);
  case GLUE_FIELD_I64: return number (MEMBER (int64_t, field->offset), 1);
  case GLUE_FIELD_U64: return count (MEMBER (uint64_t, field->offset), 1);
  case GLUE_FIELD_UUID: return (struct glue_item) { .type = GLUE_TEXT, .bytes = p, .size = 32 };
  case GLUE_FIELD_PERCENT: {
    float percent = MEMBER (float, field->offset);

    return (struct glue_item) { .type = percent >= 0 ? GLUE_FLOAT : GLUE_ABSENT, .number = percent };
  }
  }
  return (struct glue_item) { .type = GLUE_ABSENT };
}
