/*
 * Paho C (MQTTAsync) with its file persistence, driven by lines on standard input:
 *
 *     connect <url> <folder>
 *     round <messages> <outstanding> <payload bytes> <qos> <topic>
 *     close
 *
 * and answering each with one line: "ok", "done <milliseconds> <CPU microseconds>", or "failed <reason>".
 *
 * Its persistence writes a file per message, and does not sync it.
 */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static MQTTAsync client;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;
static int acknowledged;
static int failed;

static void signal_change(int *what)
{
    pthread_mutex_lock(&mutex);
    *what += 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_connected(void *context, MQTTAsync_successData *data) { (void)context; (void)data; signal_change(&connected); }
static void on_acknowledged(void *context, MQTTAsync_successData *data) { (void)context; (void)data; signal_change(&acknowledged); }
static void on_failed(void *context, MQTTAsync_failureData *data) { (void)context; (void)data; signal_change(&failed); }

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static const char *connect_to(const char *url, char *folder)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    create.maxBufferedMessages = 65535;
    if (MQTTAsync_createWithOptions(&client, url, "bench-paho", MQTTCLIENT_PERSISTENCE_DEFAULT, folder, &create) != MQTTASYNC_SUCCESS)
        return "create";
    options.cleansession = 0;
    options.keepAliveInterval = 60;
    options.maxInflight = 65535;
    options.onSuccess = on_connected;
    options.onFailure = on_failed;
    if (MQTTAsync_connect(client, &options) != MQTTASYNC_SUCCESS) return "connect";
    pthread_mutex_lock(&mutex);
    while (!connected && !failed) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    return failed ? "the broker did not accept the connection" : NULL;
}

static const char *run_round(int messages, int outstanding, int bytes, int qos, const char *topic)
{
    char *payload = malloc(bytes);
    memset(payload, 'x', bytes);
    acknowledged = failed = 0;
    double begin = now_ms(), cpu = cpu_us();
    for (int sent = 0; sent < messages; sent++) {
        pthread_mutex_lock(&mutex);
        while (sent - acknowledged >= outstanding && !failed) pthread_cond_wait(&changed, &mutex);
        pthread_mutex_unlock(&mutex);
        MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
        response.onSuccess = on_acknowledged;
        response.onFailure = on_failed;
        if (failed || MQTTAsync_send(client, topic, bytes, payload, qos, 0, &response) != MQTTASYNC_SUCCESS) {
            free(payload);
            return "send";
        }
    }
    pthread_mutex_lock(&mutex);
    while (acknowledged < messages && !failed) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    free(payload);
    if (failed) return "a message was not acknowledged";
    printf("done %.3f %.0f\n", now_ms() - begin, cpu_us() - cpu);
    return NULL;
}

int main(void)
{
    char line[1024], first[512], second[512];
    int messages, outstanding, bytes, qos;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        const char *problem = NULL;
        if (sscanf(line, "connect %511s %511s", first, second) == 2) {
            problem = connect_to(first, second);
            if (!problem) puts("ok");
        } else if (sscanf(line, "round %d %d %d %d %511s", &messages, &outstanding, &bytes, &qos, first) == 5) {
            problem = run_round(messages, outstanding, bytes, qos, first);
        } else {
            break;
        }
        if (problem) printf("failed %s\n", problem);
    }
    return 0;
}
