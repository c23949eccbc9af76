"""Lines as systems write them, and what is to become of them: (time in UTC, level, message, service where there is one).

The lines are made up; only their form is that of the systems.
"""

SYSTEMS = {
    "super-computer events": (
        [
            "- 1117838570 2005.06.03 R17-M0-N3-C:J05-U01 2005-06-03-15.42.50.675872 R17-M0-N3-C:J05-U01 RAS KERNEL INFO torus receiver fault cleared",
            "APPSEV 1117838601 2005.06.03 R23-M1-N8-I:J18-U11 2005-06-03-15.43.21.398284 R23-M1-N8-I:J18-U11 RAS APP FATAL login: no such file on 172.16.96.116:33399",
            "- 1117838602 2005.06.03 NOWHERE 2005-06-03-15.43.22.000001 NOWHERE NULL MONITOR SEVERE power module fault: fan 3",
        ],
        [
            ("2005-06-03 15:42:50.675872", "info", "torus receiver fault cleared"),
            ("2005-06-03 15:43:21.398284", "critical", "login: no such file on 172.16.96.116:33399"),
            ("2005-06-03 15:43:22.000001", "error", "power module fault: fan 3"),
        ],
    ),
    "cluster syslog with epochs": (
        [
            "- 1131566461 2005.11.09 cn12 Nov 9 12:01:01 cn12/cn12 crond(pam_unix)[2915]: session closed for user root",
            "- 1131566462 2005.11.09 cn3 Nov 9 12:01:02 cn3/cn3 kernel: disk sda: ready",
            "HW_ERR 1131566463 2005.11.09 admin1 Nov 9 12:01:03 src@admin1 ntpd[1231]: synchronized to 10.1.2.3, stratum 3",
        ],
        [
            ("2005-11-09 12:01:01", None, "session closed for user root", "crond(pam_unix)"),
            ("2005-11-09 12:01:02", None, "disk sda: ready", "kernel"),
            ("2005-11-09 12:01:03", None, "synchronized to 10.1.2.3, stratum 3", "ntpd"),
        ],
    ),
    "events by epoch amid tokens": (
        [
            '881 node-7 unix.hw state.unavailable 1077804742 1 Component changed state: "alt0" (HWID=12)',
            "9012 node-31 boot start 1077804799 1 booting (command 77)",
            "9013 sw0 switch temperature 1077804801 1 warning",
        ],
        [
            ("2004-02-26 14:12:22", None, 'Component changed state: "alt0" (HWID=12)'),
            ("2004-02-26 14:13:19", None, "booting (command 77)"),
            ("2004-02-26 14:13:21", None, "warning"),
        ],
    ),
    "phone health app": (
        [
            "20171223-22:15:29:606|Step_A|30002312|counter = 3579",
            "20171224-0:7:20:44|Step_Utils|30002312| total = 1514##699##54",
        ],
        [
            ("2017-12-23 22:15:29.606000", None, "counter = 3579"),
            ("2017-12-24 00:07:20.044000", None, "total = 1514##699##54"),
        ],
    ),
    "component servicing": (
        [
            "2016-09-28 04:30:30, Info                  CBS    Loaded stack v6.1 with core C:\\x\\core.dll",
            "2016-09-28 04:30:31, Error                 CSI    0001@2016/9/27:20:30:31.455 Cannot open store [0x80070002]",
            "2016-09-28 04:30:32, Info                  CBS    Warning: attribute not known.",
        ],
        [
            ("2016-09-28 04:30:30", "info", "Loaded stack v6.1 with core C:\\x\\core.dll"),
            ("2016-09-28 04:30:31", "error", "0001@2016/9/27:20:30:31.455 Cannot open store [0x80070002]"),
            ("2016-09-28 04:30:32", "info", "Warning: attribute not known."),
        ],
    ),
    "proxy client": (
        [
            "[10.30 16:49:06] chrome.exe - proxy.example.org:5070 open through proxy proxy.example.org:5070 HTTPS",
            "[10.30 16:49:07] chat.exe *64 - tcp.example.com:80 error : could not connect",
            "[10.30 16:49:08] chrome.exe - x.example.org:443 close, 12 bytes sent, lifetime 00:01",
        ],
        [
            ("2025-10-30 16:49:06", None, "proxy.example.org:5070 open through proxy proxy.example.org:5070 HTTPS"),
            ("2025-10-30 16:49:07", None, "tcp.example.com:80 error : could not connect"),
            ("2025-10-30 16:49:08", None, "x.example.org:443 close, 12 bytes sent, lifetime 00:01"),
        ],
    ),
    "desktop system log": (
        [
            "Jul  1 09:00:55 somebodys-MacBook kernel[0]: Switch<0>(0x0)::callback - hot plug",
            "Jul  1 09:01:06 somebodys-MacBook Microsoft Word[14463]: Unable to satisfy constraints",
            "Jul  1 09:01:07 somebodys-MacBook --- last message repeated 1 time ---",
            "Jul  1 09:01:09 somebodys-MacBook com.apple.xpc.launchd[1] (com.apple.x[123]): Service exited",
        ],
        [
            ("2026-07-01 09:00:55", None, "Switch<0>(0x0)::callback - hot plug", "kernel"),
            ("2026-07-01 09:01:06", None, "Unable to satisfy constraints", "Microsoft Word"),
            ("2026-07-01 09:01:07", None, "--- last message repeated 1 time ---"),
            ("2026-07-01 09:01:09", None, "Service exited", "com.apple.xpc.launchd"),
        ],
    ),
    "mobile log": (
        [
            "03-17 16:13:38.811  1702  2395 D WindowManager: freezing: token = {9f4ef63}",
            "03-17 16:13:38.859  2227  2227 E Status Bar  : gone",
        ],
        [
            ("2026-03-17 16:13:38.811000", "debug", "freezing: token = {9f4ef63}"),
            ("2026-03-17 16:13:38.859000", "error", "gone"),
        ],
    ),
    "PostgreSQL": (
        [
            "2015-05-17 10:05:03.123 UTC [1234] LOG:  database system is ready",
            '2015-05-17 10:05:03.123 UTC [1234] app@db ERROR:  relation "x" does not exist at character 15',
            "2015-05-17 10:05:03.123 UTC [1234] app@db STATEMENT:  SELECT *",
            "\tFROM x",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "database system is ready"),
            ("2015-05-17 10:05:03.123000", "error", 'relation "x" does not exist at character 15'),
            ("2015-05-17 10:05:03.123000", "info", "SELECT *\n\tFROM x"),
        ],
    ),
    "MySQL": (
        [
            "2015-05-17T10:05:03.123456Z 0 [Warning] [MY-010055] [Server] IP address could not be resolved",
            "2015-05-17T10:05:04.123456Z 12 [Note] [MY-010051] [Server] Event",
        ],
        [
            ("2015-05-17 10:05:03.123456", "warning", "IP address could not be resolved"),
            ("2015-05-17 10:05:04.123456", "info", "Event"),
        ],
    ),
    "Redis": (
        [
            "1:M 17 May 2015 10:05:03.123 * Ready to accept connections",
            "1:M 17 May 2015 10:05:03.124 # Warning: x",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Ready to accept connections"),
            ("2015-05-17 10:05:03.124000", "warning", "Warning: x"),
        ],
    ),
    "MongoDB": (
        [
            "2015-05-17T10:05:03.123+0000 I NETWORK  [initandlisten] waiting for connections",
            "2015-05-17T10:05:03.123+0000 W -        [main] x",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "waiting for connections"),
            ("2015-05-17 10:05:03.123000", "warning", "x"),
        ],
    ),
    "Ruby": (
        [
            "I, [2015-05-17T10:05:03.123456 #1234]  INFO -- : Started GET",
            "E, [2015-05-17T10:05:03.123456 #1234] ERROR -- app: x",
        ],
        [
            ("2015-05-17 10:05:03.123456", "info", "Started GET"),
            ("2015-05-17 10:05:03.123456", "error", "x"),
        ],
    ),
    "bars": (
        [
            "2015-05-17 10:05:03.1234|INFO|My.Logger|message one",
            "2015-05-17 10:05:03.1234|ERROR|My.Logger|message | with bar",
            "   at System.Foo()",
        ],
        [
            ("2015-05-17 10:05:03.123400", "info", "message one"),
            ("2015-05-17 10:05:03.123400", "error", "message | with bar\n   at System.Foo()"),
        ],
    ),
    "Rust in one bracket": (
        [
            "[2015-05-17T10:05:03Z INFO  my_crate::mod] starting: now",
            "[2015-05-17T10:05:04Z WARN  my_crate] slow",
        ],
        [
            ("2015-05-17 10:05:03", "info", "starting: now"),
            ("2015-05-17 10:05:04", "warning", "slow"),
        ],
    ),
    "Rust tracing": (
        [
            "2015-05-17T10:05:03.123456Z  INFO my_crate::mod: starting up",
            "2015-05-17T10:05:03.123456Z ERROR my_crate: failed: x",
        ],
        [
            ("2015-05-17 10:05:03.123456", "info", "starting up"),
            ("2015-05-17 10:05:03.123456", "error", "failed: x"),
        ],
    ),
    "short level words": (
        [
            "2015-05-17 10:05:03.123 +02:00 [INF] Application started",
            "2015-05-17 10:05:03.123 +02:00 [ERR] Failed: boom",
            "System.Exception: x",
            "   at Foo.Bar() in x.cs:line 3",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Application started"),
            (
                "2015-05-17 10:05:03.123000",
                "error",
                "Failed: boom\nSystem.Exception: x\n   at Foo.Bar() in x.cs:line 3",
            ),
        ],
    ),
    "Go log": (
        [
            "2009/11/10 23:00:00 main.go:12: listening on :80",
            "2009/11/10 23:00:01 main.go:14: bye",
        ],
        [
            ("2009-11-10 23:00:00", None, "listening on :80"),
            ("2009-11-10 23:00:01", None, "bye"),
        ],
    ),
    "Erlang process ids": (
        [
            "2015-05-17 10:05:03.123 [info] <0.123.0> connection accepted",
            "2015-05-17 10:05:03.124 [error] <0.124.0> closing AMQP",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "connection accepted"),
            ("2015-05-17 10:05:03.124000", "error", "closing AMQP"),
        ],
    ),
    "Jenkins": (
        [
            "2015-05-17 10:05:03.123+0000 [id=1]\tINFO\thudson.WebAppMain#contextDestroyed: Shutting down",
            "2015-05-17 10:05:03.124+0000 [id=2]\tWARNING\thudson.X#y: oops",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Shutting down"),
            ("2015-05-17 10:05:03.124000", "warning", "oops"),
        ],
    ),
    "Tomcat": (
        [
            "17-May-2015 10:05:03.123 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in 123 ms",
            "17-May-2015 10:05:03.123 WARNING [main] org.apache.catalina.startup.X.load Foo",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Server startup in 123 ms"),
            ("2015-05-17 10:05:03.123000", "warning", "Foo"),
        ],
    ),
    "Spring Boot": (
        [
            "2015-05-17 10:05:03.123  INFO 1234 --- [           main] o.s.b.SpringApplication                  : Starting",
            "2015-05-17T10:05:03.123+02:00 ERROR 1234 --- [my-app] [nio-8080-exec-1] [5f3a-1] c.e.Foo : boom",
            "java.lang.IllegalStateException: x",
            "\tat a.b.C(D.java:1)",
            "Caused by: java.io.X",
            "\t... 12 more",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Starting"),
            (
                "2015-05-17 08:05:03.123000",
                "error",
                "boom\njava.lang.IllegalStateException: x\n\tat a.b.C(D.java:1)\nCaused by: java.io.X\n\t... 12 more",
            ),
        ],
    ),
    "Kafka": (
        [
            "[2015-05-17 10:05:03,123] INFO Starting the log cleaner (kafka.log.LogCleaner)",
            "[2015-05-17 10:05:03,123] WARN [Broker id=0] x: y (kafka.server.ReplicaManager)",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Starting the log cleaner"),
            ("2015-05-17 10:05:03.123000", "warning", "x: y"),
        ],
    ),
    "Elasticsearch": (
        [
            "[2015-05-17T10:05:03,123][INFO ][o.e.n.Node               ] [node-1] starting ...",
            "[2015-05-17T10:05:03,123][WARN ][o.e.d.x] [node-1] deprecated",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "starting ..."),
            ("2015-05-17 10:05:03.123000", "warning", "deprecated"),
        ],
    ),
    "klog": (
        [
            "I0314 12:34:56.789012       1 server.go:123] Starting kubelet",
            "E0314 12:34:57.789012    1 reflector.go:12] failed to list",
            "W20240314 12:34:57.789012    1 x.cc:12] glog",
        ],
        [
            ("2026-03-14 12:34:56.789012", "info", "Starting kubelet"),
            ("2026-03-14 12:34:57.789012", "error", "failed to list"),
            ("2024-03-14 12:34:57.789012", "warning", "glog"),
        ],
    ),
    "zap": (
        [
            '2015-05-17T10:05:03.123Z\tINFO\tcontroller\tcaller/file.go:12\tstarted\t{"port": 80}',
            "2015-05-17T10:05:03.123Z\tERROR\tcontroller\tcaller/file.go:12\tfailed",
            "github.com/x/y.Foo",
            "\t/go/src/x.go:12",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "started"),
            ("2015-05-17 10:05:03.123000", "error", "failed\ngithub.com/x/y.Foo\n\t/go/src/x.go:12"),
        ],
    ),
    "logfmt": (
        [
            'time="2015-05-17T10:05:03Z" level=info msg="hello \\"x\\" world" component=api status=200 ok=true',
            "ts=2015-05-17T10:05:04.5Z level=warn msg=slow took=1.5s",
        ],
        [
            ("2015-05-17 10:05:03", "info", 'hello "x" world'),
            ("2015-05-17 10:05:04.500000", "warning", "slow"),
        ],
    ),
    "CRI": (
        [
            "2016-10-06T00:17:09.669794202Z stdout P partial one ",
            "2016-10-06T00:17:09.669794203Z stderr F err line",
            "2016-10-06T00:17:10.669794202Z stdout F end",
            "2016-10-06T00:17:11Z stdout F     indented",
        ],
        [
            ("2016-10-06 00:17:09.669794", None, "partial one end"),
            ("2016-10-06 00:17:09.669794", None, "err line"),
            ("2016-10-06 00:17:11", None, "    indented"),
        ],
    ),
    "RFC 5424": (
        [
            '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App\\"x"][b@1 c="d"] \ufeffAn application event log entry',
            "<34>1 2003-10-11T22:14:15.003Z m su 12 - - 'su root' failed",
        ],
        [
            ("2003-10-11 22:14:15.003000", "info", "An application event log entry", "evntslog"),
            ("2003-10-11 22:14:15.003000", "critical", "'su root' failed", "su"),
        ],
    ),
    "rsyslog ISO": (
        [
            "2015-05-17T10:05:03.123456+02:00 web1 nginx[12]: hello",
            "2015-05-17T10:05:03.123456+02:00 web1 kernel: [  123.4] foo",
        ],
        [
            ("2015-05-17 08:05:03.123456", None, "hello", "nginx"),
            ("2015-05-17 08:05:03.123456", None, "[  123.4] foo", "kernel"),
        ],
    ),
    "journald": (
        [
            "May 17 10:05:03.123456 host prog[1]: x",
            "May 17 10:05:04.123456 host kernel: y",
        ],
        [
            ("2026-05-17 10:05:03.123456", None, "x", "prog"),
            ("2026-05-17 10:05:04.123456", None, "y", "kernel"),
        ],
    ),
    "no level": (
        [
            "2015-05-17 10:05:03 status installed foo:amd64 1.0",
            "2015-05-17 10:05:03 install bar:all <none> 2",
        ],
        [
            ("2015-05-17 10:05:03", None, "status installed foo:amd64 1.0"),
            ("2015-05-17 10:05:03", None, "install bar:all <none> 2"),
        ],
    ),
    "Python logging": (
        [
            "2015-05-17 10:05:03,123 - my.name - INFO - hello - world",
            "2015-05-17 10:05:03,123 - my.name - ERROR - fail",
            "Traceback (most recent call last):",
            '  File "x.py", line 1, in <module>',
            "ValueError: bad",
            "2015-05-17 10:05:04,123 - my.name - INFO - again",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "hello - world"),
            (
                "2015-05-17 10:05:03.123000",
                "error",
                'fail\nTraceback (most recent call last):\n  File "x.py", line 1, in <module>\nValueError: bad',
            ),
            ("2015-05-17 10:05:04.123000", "info", "again"),
        ],
    ),
    "Python basicConfig": (
        [
            "INFO:root:hello",
            "WARNING:my.app:careful: x",
        ],
        [
            (None, "info", "hello"),
            (None, "warning", "careful: x"),
        ],
    ),
    "Python with file": (
        [
            "2015-05-17 10:05:03,123 INFO     [my.mod] file.py:12 message",
            "2015-05-17 10:05:03,123 WARNING  [my.mod] file.py:12 message",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "message"),
            ("2015-05-17 10:05:03.123000", "warning", "message"),
        ],
    ),
    "Celery": (
        [
            "[2015-05-17 10:05:03,123: INFO/MainProcess] Connected to redis",
            "[2015-05-17 10:05:03,123: ERROR/ForkPoolWorker-1] Task x raised",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Connected to redis"),
            ("2015-05-17 10:05:03.123000", "error", "Task x raised"),
        ],
    ),
    "Gunicorn": (
        [
            "[2015-05-17 10:05:03 +0000] [1234] [INFO] Starting gunicorn",
            "[2015-05-17 10:05:03 +0000] [1234] [ERROR] boom",
        ],
        [
            ("2015-05-17 10:05:03", "info", "Starting gunicorn"),
            ("2015-05-17 10:05:03", "error", "boom"),
        ],
    ),
    "Loguru": (
        [
            "2015-05-17 10:05:03.123 | INFO     | my.mod:func:12 - hello",
            "2015-05-17 10:05:03.123 | SUCCESS  | my.mod:<module>:12 - done",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "hello"),
            ("2015-05-17 10:05:03.123000", "info", "done"),
        ],
    ),
    "Squid": (
        [
            "1431857103.123   5000 10.0.0.1 TCP_MISS/200 1234 GET http://x/ user DIRECT/1.2.3.4 text/html",
            "1431857104.123      1 10.0.0.1 TCP_HIT/200 1234 GET http://y/ - NONE/- text/html",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "GET http://x/ 200"),
            ("2015-05-17 10:05:04.123000", "info", "GET http://y/ 200"),
        ],
    ),
    "access with vhost": (
        [
            'www.x.com:443 10.0.0.1 - frank [17/May/2015:10:05:03 -0700] "GET /a?b=c HTTP/1.1" 404 12 "-" "curl/7"',
            'www.x.com:80 ::1 - - [17/May/2015:10:05:03 +0000] "-" 408 - "-" "-" 0.001 "x"',
            '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "\\x16\\x03" 400 226',
        ],
        [
            ("2015-05-17 17:05:03", "warning", "GET /a?b=c HTTP/1.1 404"),
            ("2015-05-17 10:05:03", "warning", "- 408"),
            ("2015-05-17 10:05:03", "warning", "\\x16\\x03 400"),
        ],
    ),
    "Apache 2.4 errors": (
        [
            "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:1234] File does not exist: /usr/local/apache2/htdocs/favicon.ico",
            "[Fri Sep 09 10:42:29.902022 2011] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache configured",
        ],
        [
            (
                "2011-09-09 10:42:29.902022",
                "error",
                "[client 72.15.99.187:1234] File does not exist: /usr/local/apache2/htdocs/favicon.ico",
            ),
            ("2011-09-09 10:42:29.902022", "info", "AH00489: Apache configured"),
        ],
    ),
    "nginx errors": (
        [
            '2016/09/28 04:30:30 [error] 12#12: *34 open() "/x" failed (2: No such file), client: 1.2.3.4, server: x.com, request: "GET /x HTTP/1.1", host: "x.com"',
        ],
        [
            (
                "2016-09-28 04:30:30",
                "error",
                'open() "/x" failed (2: No such file), client: 1.2.3.4, server: x.com, request: "GET /x HTTP/1.1", host: "x.com"',
            ),
        ],
    ),
    "bars around columns": (
        [
            "2015-05-17 10:05:03,123 | INFO  | Starting broker | org.apache.X | main",
            "2015-05-17 10:05:03,124 | WARN  | Slow | org.apache.Y | main",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Starting broker | org.apache.X | main"),
            ("2015-05-17 10:05:03.124000", "warning", "Slow | org.apache.Y | main"),
        ],
    ),
    "level before the time": (
        [
            "ERROR 2015-05-17 10:05:03 module: it broke",
            "INFO  2015-05-17 10:05:04 module: it works",
        ],
        [
            ("2015-05-17 10:05:03", "error", "it broke"),
            ("2015-05-17 10:05:04", "info", "it works"),
        ],
    ),
    "thread between level and time": (
        [
            "INFO  [main] 2015-05-17 10:05:03,123 YamlConfigurationLoader.java:89 - Loading settings",
            "WARN  [main] 2015-05-17 10:05:03,124 CLibrary.java:1 - x",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "Loading settings"),
            ("2015-05-17 10:05:03.124000", "warning", "x"),
        ],
    ),
    "level only": (
        [
            "[INFO] building project",
            "[ERROR] Failed to execute goal: x",
            "[WARNING] deprecated",
        ],
        [
            (None, "info", "building project"),
            (None, "error", "Failed to execute goal: x"),
            (None, "warning", "deprecated"),
        ],
    ),
    "US dates": (
        [
            "5/17/2015 1:05:03 PM Information Service started",
            "5/18/2015 1:05:03 PM Error Service stopped",
        ],
        [
            ("2015-05-17 13:05:03", "info", "Service started"),
            ("2015-05-18 13:05:03", "error", "Service stopped"),
        ],
    ),
    "European dates": (
        [
            "05/06/2015 13:05:03 INFO a: x",
            "06/06/2015 13:05:03 WARN a: y",
            "07/06/2015 13:05:03 WARN a: y",
        ],
        [
            ("2015-06-05 13:05:03", "info", "x"),
            ("2015-06-06 13:05:03", "warning", "y"),
            ("2015-06-07 13:05:03", "warning", "y"),
        ],
    ),
    "GC tags": (
        [
            "[2015-05-17T10:05:03.123+0000][info][gc] GC(0) Pause Young",
            "[2015-05-17T10:05:03.124+0000][info][gc,cpu] GC(0) User=0.00s",
        ],
        [
            ("2015-05-17 10:05:03.123000", "info", "GC(0) Pause Young"),
            ("2015-05-17 10:05:03.124000", "info", "GC(0) User=0.00s"),
        ],
    ),
    "time of day": (
        [
            "10:05:03.123 [main] INFO  com.x.App - Started",
            "10:05:03.124 [main] DEBUG com.x.App - foo",
        ],
        [
            ("2026-08-01 10:05:03.123000", "info", "Started"),
            ("2026-08-01 10:05:03.124000", "debug", "foo"),
        ],
    ),
    "java.util.logging": (
        [
            "May 17, 2015 10:05:03 AM org.apache.catalina.core.StandardService start",
            "INFO: Starting service Tomcat",
            "May 17, 2015 10:05:04 AM org.apache.catalina.X y",
            "SEVERE: oops",
        ],
        [
            ("2015-05-17 10:05:03", "info", "Starting service Tomcat"),
            ("2015-05-17 10:05:04", "error", "oops"),
        ],
    ),
    "tab columns": (
        [
            "2015-05-17 10:05:03\tError\tService Control Manager\t7000\tThe service failed to start",
            "2015-05-17 10:05:04\tInformation\tService Control Manager\t7036\tThe service entered the state",
        ],
        [
            ("2015-05-17 10:05:03", "error", "The service failed to start"),
            ("2015-05-17 10:05:04", "info", "The service entered the state"),
        ],
    ),
    "kernel ring": (
        [
            "[    0.000000] Linux version 5.4",
            "[    0.100000] Command line: x",
        ],
        [
            (None, None, "Linux version 5.4"),
            (None, None, "Command line: x"),
        ],
    ),
    "HAProxy": (
        [
            "May 17 10:05:03 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750",
        ],
        [
            (
                "2026-05-17 10:05:03",
                None,
                "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750",
                "haproxy",
            ),
        ],
    ),
    "plain": (
        [
            "hello world",
            "  indented",
            "error: something",
            "foo",
        ],
        [
            (None, None, "hello world"),
            (None, None, "  indented"),
            (None, None, "error: something"),
            (None, None, "foo"),
        ],
    ),
}
