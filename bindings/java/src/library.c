/* library.c: the library as Java loads it: handles, descriptions of calls, exceptions.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "java_guestfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED __attribute__ ((__unused__))

JavaVM *java_vm;
jclass java_native, java_bytes;
jmethodID java_records, java_event;
static jmethodID fail, no_memory;

void
java_fail (JNIEnv *env, const char *message, int code)
{
  jbyteArray bytes;

  if ((*env)->ExceptionCheck (env))
    return;
  bytes = java_array (env, message, strlen (message));
  if (bytes)
    (*env)->CallStaticVoidMethod (env, java_native, fail, bytes, (jint) code);
}

void
java_fail_call (JNIEnv *env, const char *call, const char *message, int code)
{
  char text[256];

  snprintf (text, sizeof text, "%s: %s", call, message);
  java_fail (env, text, code);
}

void
java_no_memory (JNIEnv *env)
{
  if (!(*env)->ExceptionCheck (env))
    (*env)->CallStaticVoidMethod (env, java_native, no_memory);
}

jbyteArray
java_array (JNIEnv *env, const char *bytes, size_t size)
{
  jbyteArray array;
  char message[128];

  if (size > INT_MAX - 8) {
    snprintf (message, sizeof message, "the result of %zu bytes does not fit into an array of Java", size);
    java_fail (env, message, EFBIG);
    return NULL;
  }
  array = (*env)->NewByteArray (env, (jsize) size);
  if (array)
    (*env)->SetByteArrayRegion (env, array, 0, (jsize) size, (const jbyte *) bytes);
  return array;
}

/* "NAME ARGUMENTS KIND" and behind each blank the shape and name of a parameter: view.rs of the generator has the same
 * text, and Call.java reads it with another number in the place of the kind. */
static int
describe (const struct glue_call *call, int number, char *text, size_t size)
{
  int n = snprintf (text, size, "%s %u %d", call->name, call->nr_args, number);
  unsigned i;

  for (i = 0; i < call->nr_args + call->nr_opts; i++) {
    const struct glue_param *p = &call->params[i];

    if (n < 0 || (size_t) n >= size)
      return -1;
    n += snprintf (text + n, size - (size_t) n, " %d%s", (int) p->shape, p->name);
  }
  return n < 0 || (size_t) n >= size ? -1 : n;
}

static jlong
table (JNIEnv *env UNUSED, jclass class UNUSED)
{
  uint64_t hash = UINT64_C (0xcbf29ce484222325);
  char text[4096];
  size_t i;
  int j, n;

  for (i = 0; i < glue_nr_calls; i++) {
    n = describe (&glue_calls[i], (int) glue_calls[i].kind, text, sizeof text - 1);
    if (n < 0)
      return 0;
    text[n++] = '\n';
    for (j = 0; j < n; j++)
      hash = (hash ^ (unsigned char) text[j]) * UINT64_C (0x100000001b3);
  }
  return (jlong) hash;
}

static jint
count (JNIEnv *env UNUSED, jclass class UNUSED)
{
  return (jint) glue_nr_calls;
}

static jstring
describe_call (JNIEnv *env, jclass class UNUSED, jint index)
{
  const struct glue_call *call = &glue_calls[index];
  char text[4096];

  /* Names are ASCII; the longest row is what `table` has gone through. */
  describe (call, (call->flags & GLUE_BLOCKS) != 0, text, sizeof text);
  return (*env)->NewStringUTF (env, text);
}

static jlong
create (JNIEnv *env, jclass class UNUSED, jint flags)
{
  struct glue_handle *h = glue_create ((unsigned) flags);

  if (h == NULL)
    java_fail_call (env, "GuestFS: cannot create a handle", strerror (errno), errno);
  return (jlong) (intptr_t) h;
}

static void
close_handle (JNIEnv *env UNUSED, jclass class UNUSED, jlong handle)
{
  glue_close (java_handle (handle));
}

static void
free_handle (JNIEnv *env UNUSED, jclass class UNUSED, jlong handle)
{
  glue_free (java_handle (handle));
}

static void
cancel (JNIEnv *env UNUSED, jclass class UNUSED, jlong handle)
{
  glue_cancel (java_handle (handle));
}

static jbyteArray
event_to_string (JNIEnv *env, jclass class UNUSED, jlong events)
{
  char *names = guestfs_event_to_string ((uint64_t) events);
  jbyteArray array;

  if (names == NULL) {
    java_no_memory (env);
    return NULL;
  }
  array = java_array (env, names, strlen (names));
  free (names);
  return array;
}

/* The hooks of Java's end have run, and so have the program's: now its handles are closed, without callbacks. */
static void
at_exit (void)
{
  java_vm = NULL;
  glue_close_all ();
}

#define PACKAGE "com/redhat/et/libguestfs/"
#define METHOD(NAME, SIGNATURE, FUNCTION) { (char *) NAME, (char *) SIGNATURE, (void *) FUNCTION }

static const JNINativeMethod methods[] = {
  METHOD ("table", "()J", table),
  METHOD ("count", "()I", count),
  METHOD ("describe", "(I)Ljava/lang/String;", describe_call),
  METHOD ("create", "(I)J", create),
  METHOD ("close", "(J)V", close_handle),
  METHOD ("free", "(J)V", free_handle),
  METHOD ("cancel", "(J)V", cancel),
  METHOD ("call", "(JI[Ljava/lang/Object;[JJ)Ljava/lang/Object;", java_call),
  METHOD ("setEventCallback", "(JL" PACKAGE "EventCallback;J)I", java_set_event_callback),
  METHOD ("deleteEventCallback", "(JI)V", java_delete_event_callback),
  METHOD ("eventToString", "(J)[B", event_to_string),
};

static jclass
class_named (JNIEnv *env, const char *name)
{
  jclass local = (*env)->FindClass (env, name);

  return local ? (*env)->NewGlobalRef (env, local) : NULL;
}

JNIEXPORT jint JNICALL
JNI_OnLoad (JavaVM *vm, void *reserved UNUSED)
{
  JNIEnv *env;

  if ((*vm)->GetEnv (vm, (void **) &env, JNI_VERSION_1_8) != JNI_OK)
    return JNI_ERR;
  java_native = class_named (env, PACKAGE "Native");
  if (java_native == NULL)
    return JNI_ERR;
  java_bytes = class_named (env, "[B");
  if (java_bytes == NULL)
    return JNI_ERR;
  if ((fail = (*env)->GetStaticMethodID (env, java_native, "fail", "([BI)V")) == NULL
      || (no_memory = (*env)->GetStaticMethodID (env, java_native, "noMemory", "()V")) == NULL
      || (java_records = (*env)->GetStaticMethodID (env, java_native, "records", "(I[J[[B)L" PACKAGE "Records;")) == NULL
      || (java_event = (*env)->GetStaticMethodID (env, java_native, "event", "(L" PACKAGE "EventCallback;JI[B[J)V")) == NULL
      || (*env)->RegisterNatives (env, java_native, methods, sizeof methods / sizeof *methods) != 0)
    return JNI_ERR;
  java_vm = vm;
  atexit (at_exit);
  return JNI_VERSION_1_8;
}
