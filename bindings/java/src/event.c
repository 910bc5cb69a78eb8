/* event.c: event callbacks in Java, and what glue wants to know of the language.
 *
 * A callback is a weak reference: class Handle keeps the object.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "java_guestfs.h"

#include <errno.h>
#include <limits.h>

/* The environment of this thread; 1 in ATTACHED when Java did not know the thread. NULL at the end of the program. */
static JNIEnv *
environment (int *attached)
{
  JavaVM *vm = java_vm;
  JNIEnv *env = NULL;

  *attached = 0;
  if (vm == NULL || (*vm)->GetEnv (vm, (void **) &env, JNI_VERSION_1_8) == JNI_OK)
    return env;
  if ((*vm)->AttachCurrentThreadAsDaemon (vm, (void **) &env, NULL) != JNI_OK)
    return NULL;
  *attached = 1;
  return env;
}

static void
leave (int attached)
{
  JavaVM *vm = java_vm;

  if (attached && vm)
    (*vm)->DetachCurrentThread (vm);
}

static void
call (JNIEnv *env, jweak function, const struct glue_event *e)
{
  jobject callback = (*env)->NewLocalRef (env, function);
  jsize n = e->array_len > INT_MAX - 8 ? 0 : (jsize) e->array_len;
  jbyteArray text = NULL;
  jlongArray array;

  /* Collected, because the handle is, which is being closed for that. */
  if (callback == NULL)
    return;
  if (e->text) {
    text = java_array (env, e->text, e->size);
    if (text == NULL)
      return;
  }
  array = (*env)->NewLongArray (env, n);
  if (array == NULL)
    return;
  (*env)->SetLongArrayRegion (env, array, 0, n, (const jlong *) e->array);
  (*env)->CallStaticVoidMethod (env, java_native, java_event, callback, (jlong) e->event, (jint) e->id, text, array);
}

static void
event (void *function, const struct glue_event *e)
{
  int attached;
  JNIEnv *env = environment (&attached);

  if (env == NULL)
    return;
  if ((*env)->PushLocalFrame (env, 8) == 0) {
    call (env, function, e);
    /* No memory, or no stack; a callback's own exceptions end in Java. */
    if ((*env)->ExceptionCheck (env)) {
      (*env)->ExceptionDescribe (env);
      (*env)->ExceptionClear (env);
    }
    (*env)->PopLocalFrame (env, NULL);
  }
  leave (attached);
}

static void
forget (void *function)
{
  int attached;
  JNIEnv *env = environment (&attached);

  if (env)
    (*env)->DeleteWeakGlobalRef (env, function);
  leave (attached);
}

/* Java's other threads run while one is in C. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  (void) f;
  fn (arg);
}

const struct glue_language glue_language = { unlocked, event, forget };

jint
java_set_event_callback (JNIEnv *env, jclass class, jlong handle, jobject callback, jlong events)
{
  struct glue_frame f;
  jweak function;
  int id = -1;

  (void) class;
  if (glue_begin (&f, java_handle (handle), NULL) == -1) {
    java_fail_call (env, "set_event_callback", "handle is closed", EBADF);
    return -1;
  }
  function = (*env)->NewWeakGlobalRef (env, callback);
  if (function) {
    id = glue_set_event_callback (&f, (uint64_t) events, function);
    if (id == -1)
      java_fail (env, glue_error (&f), glue_errno (&f));
  }
  glue_end (&f);
  return id;
}

void
java_delete_event_callback (JNIEnv *env, jclass class, jlong handle, jint id)
{
  struct glue_frame f;

  (void) class;
  if (glue_begin (&f, java_handle (handle), NULL) == -1) {
    java_fail_call (env, "delete_event_callback", "handle is closed", EBADF);
    return;
  }
  glue_delete_event_callback (&f, id);
  glue_end (&f);
}
