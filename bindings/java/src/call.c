/* call.c: the one native method behind all calls.
 *
 * In: bytes and numbers. Out: bytes and numbers. References are dropped as they are used, as a list may be long.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "java_guestfs.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

/* Memory until the end of the call, or NULL with an exception. */
static void *
room (JNIEnv *env, struct glue_frame *f, size_t size)
{
  void *memory = glue_room (f, size);

  if (memory == NULL)
    java_no_memory (env);
  return memory;
}

/* A copy with a NUL behind it, or NULL with an exception. ARRAY is dropped. */
static char *
text (JNIEnv *env, struct glue_frame *f, jbyteArray array, size_t *size)
{
  jsize n = (*env)->GetArrayLength (env, array);
  char *copy = room (env, f, (size_t) n + 1);

  if (copy) {
    (*env)->GetByteArrayRegion (env, array, 0, n, (jbyte *) copy);
    copy[n] = '\0';
    if (size)
      *size = (size_t) n;
  }
  (*env)->DeleteLocalRef (env, array);
  return copy;
}

static char *const *
list (JNIEnv *env, struct glue_frame *f, jobjectArray array)
{
  jsize i, n = (*env)->GetArrayLength (env, array);
  char **strings = room (env, f, ((size_t) n + 1) * sizeof *strings);

  for (i = 0; strings && i < n; i++) {
    strings[i] = text (env, f, (*env)->GetObjectArrayElement (env, array, i), NULL);
    if (strings[i] == NULL)
      return NULL;
  }
  if (strings)
    strings[n] = NULL;
  (*env)->DeleteLocalRef (env, array);
  return strings;
}

/* False with an exception. Call.java has seen to it that only GLUE_OPT_STR is null. */
static int
take (JNIEnv *env, struct glue_frame *f, unsigned i, jobjectArray objects, const jlong *numbers)
{
  union glue_value *v = &f->values[i];
  jobject object;

  switch (f->call->params[i].shape) {
  case GLUE_BOOL: case GLUE_INT: v->i = (int) numbers[i]; return 1;
  case GLUE_INT64: v->n = numbers[i]; return 1;
  case GLUE_POINTER: v->pointer = (void *) (intptr_t) numbers[i]; return 1;
  case GLUE_STR: case GLUE_OPT_STR: case GLUE_STR_LIST: case GLUE_BUFFER: break;
  }
  object = (*env)->GetObjectArrayElement (env, objects, (jsize) i);
  switch (f->call->params[i].shape) {
  case GLUE_STR_LIST: v->list = list (env, f, object); return v->list != NULL;
  case GLUE_BUFFER: v->buffer.bytes = text (env, f, object, &v->buffer.size); return v->buffer.bytes != NULL;
  default:
    v->s = object ? text (env, f, object, NULL) : NULL;
    return v->s || object == NULL;
  }
}

static int
take_all (JNIEnv *env, struct glue_frame *f, jobjectArray objects, jlongArray array, uint64_t mask)
{
  jlong numbers[GLUE_MAX_VALUES];
  unsigned i, n = f->call->nr_args, all = n + f->call->nr_opts;

  (*env)->GetLongArrayRegion (env, array, 0, (jsize) all, numbers);
  for (i = 0; i < all; i++) {
    if (i >= n) {
      if (!(mask & UINT64_C (1) << (i - n)))
        continue;
      glue_give (f, i - n);
    }
    if (!take (env, f, i, objects, numbers))
      return 0;
  }
  return 1;
}

/* byte[N][], or NULL with an exception. */
static jobjectArray
arrays (JNIEnv *env, const struct glue_frame *f, size_t n)
{
  if (n > INT_MAX - 8) {
    java_fail_call (env, f->call->name, "the result has more items than fit into an array of Java", EFBIG);
    return NULL;
  }
  return (*env)->NewObjectArray (env, (jsize) n, java_bytes, NULL);
}

/* False with an exception. */
static int
set (JNIEnv *env, jobjectArray array, size_t i, const struct glue_item *item)
{
  jbyteArray bytes = java_array (env, item->bytes, item->size);

  if (bytes == NULL)
    return 0;
  (*env)->SetObjectArrayElement (env, array, (jsize) i, bytes);
  (*env)->DeleteLocalRef (env, bytes);
  return 1;
}

static jobject
one (JNIEnv *env, struct glue_item item, jlongArray numbers)
{
  jlong n = item.type == GLUE_UNSIGNED ? (jlong) item.u : (jlong) item.n;

  switch (item.type) {
  case GLUE_TEXT: case GLUE_BYTES:
    return java_array (env, item.bytes, item.size);
  case GLUE_TRUTH: case GLUE_NUMBER: case GLUE_UNSIGNED:
    (*env)->SetLongArrayRegion (env, numbers, 0, 1, &n);
    return NULL;
  default:
    return NULL;
  }
}

static jobject
texts (JNIEnv *env, const struct glue_frame *f)
{
  int pairs = f->call->kind == GLUE_RESULT_HASH;
  size_t i, n = glue_count (f);
  jobjectArray array = arrays (env, f, pairs ? 2 * n : n);

  for (i = 0; array && i < n; i++) {
    struct glue_item item, key;

    if (pairs)
      glue_pair (f, i, &key, &item);
    else
      item = glue_at (f, i);
    if ((pairs && !set (env, array, 2 * i, &key)) || !set (env, array, pairs ? 2 * i + 1 : i, &item))
      return NULL;
  }
  return array;
}

/* A number as Records.java reads it; a percentage has the bits of a float. */
static jlong
number (const struct glue_item *item)
{
  float percent = item->type == GLUE_FLOAT ? (float) item->number : -1;
  int32_t bits;

  switch (item->type) {
  case GLUE_UNSIGNED: return (jlong) item->u;
  case GLUE_FLOAT: case GLUE_ABSENT: memcpy (&bits, &percent, sizeof bits); return bits;
  default: return item->n;
  }
}

static jobject
records (JNIEnv *env, struct glue_frame *f)
{
  const struct glue_struct *s = f->call->structure;
  size_t n = glue_count (f), i, j, at = 0;
  jobjectArray texts = arrays (env, f, n * s->nr_fields);
  jlong *numbers = texts ? room (env, f, (n * s->nr_fields + 1) * sizeof *numbers) : NULL;
  jlongArray array;

  if (numbers == NULL)
    return NULL;
  for (i = 0; i < n; i++)
    for (j = 0; j < s->nr_fields; j++, at++) {
      struct glue_item item = glue_field (&s->fields[j], glue_record (f, i));

      numbers[at] = number (&item);
      if ((item.type == GLUE_TEXT || item.type == GLUE_BYTES) && !set (env, texts, at, &item))
        return NULL;
    }
  array = (*env)->NewLongArray (env, (jsize) at);
  if (array == NULL)
    return NULL;
  (*env)->SetLongArrayRegion (env, array, 0, (jsize) at, numbers);
  return (*env)->CallStaticObjectMethod (env, java_native, java_records, (jint) n, array, texts);
}

static jobject
result (JNIEnv *env, struct glue_frame *f, jlongArray numbers)
{
  switch (glue_form (f->call)) {
  case GLUE_ONE: return one (env, glue_one (f), numbers);
  case GLUE_LIST: case GLUE_PAIRS: return texts (env, f);
  case GLUE_RECORD: case GLUE_RECORDS: return records (env, f);
  case GLUE_NOTHING: break;
  }
  return NULL;
}

jobject
java_call (JNIEnv *env, jclass class, jlong handle, jint index, jobjectArray objects, jlongArray numbers, jlong mask)
{
  const struct glue_call *call = &glue_calls[index];
  struct glue_frame f;
  jobject out = NULL;

  (void) class;
  if (glue_begin (&f, java_handle (handle), call) == -1) {
    java_fail_call (env, call->name, "handle is closed", EBADF);
    return NULL;
  }
  if (take_all (env, &f, objects, numbers, (uint64_t) mask)) {
    if (glue_run (&f) == -1)
      java_fail (env, glue_error (&f), glue_errno (&f));
    else
      out = result (env, &f, numbers);
  }
  glue_end (&f);
  return out;
}
