"""What is asked of both stores: queries as people write them, and aggregations over some of them."""

from datetime import UTC, datetime

from services.log_store.interface import Aggregation

WORDS = """
error|failed password|Failed|"Failed password"|"failed PASSWORD for"|session|session opened|"session opened for user root"
"authentication failure"|authentication failure|root|"user root"|user|"user=root"|rhost|"rhost=220.117.241.87"|220.117.241.87
"218.188.2.4"|blk_-1046472716157313227|"blk_-1046472716157313227"|workerEnv|"mod_jk child workerEnv in error state 6"
"error state"|jk2_init|scoreboard|"Found child 6561"|6561|"15 seconds"|"in stage 27.0"|TID|1272|"TID 1272"|kibana|logstash
"GET /favicon.ico"|favicon|"favicon.ico HTTP"|presentations|"HTTP/1.1 200"|HTTP|200|304|404|preauth|"[preauth]"|ssh2
DFSClient_NONMAPREDUCE_1537864556_1|dfsclient_nonmapreduce_1537864556_1|mapreduce|0x34ed9ac1c1e0065|svchost|svchost.exe
"System32\\\\svchost.exe"|"windows system32"|Pipeline|"Pipeline execution details"|SequenceNumber|THESHIRE|"THESHIRE\\\\pgustavo"
pgustavo|S-1-5-18|"S-1-5-18"|powershell|PowerShell.exe|GUID|"{297bc33e-65d0-5f2d-8207-000000000400}"|5770385f|Bonjour
nothing_like_this_anywhere|"no such phrase at all"|ä|"Microsoft®"|®|µ|"-->"|"::"|"%%"|"- -"|"()"|time out|timeout|"timed out"
""".replace("\n", "|")

PATTERNS = """
fail*|*word|authent*cation|sess??n|blk_*|*env|?oot|192*|ip*|1?2|*|message:pass*|message:*|k*a|x*y*z|DFS*|*exe|power*
/state [0-9]+/|/^Failed/|/preauth\\]$/|/blk_-?[0-9]{19}/|/[A-Z]{5,}/|/user (root|admin)/|/\\d+\\.\\d+\\.\\d+\\.\\d+ port/|/(?i)warning/
/error|failure/|/^$/|/\\bport\\b/|message:/HTTP.1\\.[01]" 5/|/Sequence.umber=7[0-9]+/|/\\s{2}Will/|host:/^ip-/|host:/local$/
service:/ss[h]d/|service:ssh*|service:*d|service:*\\(pam*|service:?sh?|host:*.theshire.local|source:h*|source:?d*|level:w*|level:/^[ew]/
user_agent.original:*Chrome*|user_agent.original:/Chrome\\/[0-9]+/|url.path:*.png|url.path:\\/presentations*|url.path:/\\.(png|jpe?g)$/
SourceImage:*svchost.exe|CallTrace:*ntdll*|CallTrace:/wow64/|Hashes:SHA1*|Company:Micro*|Product:/®/|UtcTime:2020-08-07*
""".replace("\n", "|")

FIELDS = """
level:error|level:warning|level:WARN|level:critical|level>=warning|level>warning|level<info|level<=debug|level:[debug TO info]|level:{info TO critical}
log.level:error|level:(error OR critical)|level:unknown|NOT level:unknown|source:web|source:windows|source:(apache OR hdfs)
source:Web|service:sshd|service.name:sshd|service:"sshd(pam_unix)"|service:CRON|host:combo|host.name:LabSZ|host:labsz|host:Pedro01
_exists_:service|service:*|NOT service:*|_exists_:environment|_exists_:trace_id|_exists_:raw|_exists_:tags|_exists_:process.pid|process:*
process.pid:*|process.pid:148|process.pid:148.0|process.pid:"148"|process.pid>30000|process.pid:[100 TO 200]|process.pid:{100 TO 200}
process.pid<=0|process.pid:(148 OR 222)|process.pid:>=24200 AND source:openssh|EventID:10|EventID:"10"|EventID:10.0|EventID:1e1|EventID>4000
EventID:[4600 TO 4700]|EventID:(1 OR 3 OR 10 OR 11)|EventID<10|NOT EventID:10|Keywords:-9223372036854775808|Keywords:-9223372036854775807
Keywords<0|Keywords>0|Version:3|Version:[0 TO 2]|SourcePort:65372|SourcePort>65000|SourcePort:[60000 TO 65000]|Protocol:6|Protocol:tcp
Protocol:(6 OR tcp)|Protocol:[a TO z]|Protocol:[5 TO 7]|GrantedAccess:0x1000|GrantedAccess:[0x1000 TO 0x1fff]|GrantedAccess>0x2
EventTime:["2020-08-07 10:32:22" TO "2020-08-07 10:33:00"]|UtcTime>"2022"|Opcode:Info|Opcode:info|Category:"Filtering Platform Connection"
SourceUser:"NT AUTHORITY\\\\SYSTEM"|TargetUser:"PEDRO01\\\\IT01-Pedro"|AccountName:SYSTEM|Domain:"NT AUTHORITY"|User:"THESHIRE\\\\pgustavo"
user.name:root|user.name:(root OR test)|user:*|user.name:*|http.request.id:*|http.request.id:"req-38101a0b-2096-447d-96ea-a692162415ae"
client.ip:222.166.160.184|client.ip:66.249.73.135|client.ip:66.249.0.0/16|client.ip:10.0.0.0/8|client.ip:0.0.0.0/0|client.ip:"::/0"
source.ip:218.188.0.0/16|attributes.source.ip:218.188.0.0/16|attributes.source.ip:*|attributes.source:*|source:*|attributes.host:*
attributes.host:wec.internal.cloudapp.net|DestAddress:169.254.0.0/16|SourceAddress:172.16.0.0/12|DestAddress:10.10.10.5|DestPort:80
http.response.status_code:200|http.response.status_code>=400|http.response.status_code:[500 TO 599]|http.request.method:GET|http.request.method:POST
http.response.body.bytes>1000000|http.response.body.bytes:[0 TO 100]|http.response.bytes>100000|url.path:"/favicon.ico"|url.path:"/robots.txt"
log.logger:"dfs.FSNamesystem"|log.logger:dfs*|log.logger:"dfs.DataNode$PacketResponder"|log:*|port:60122|port>60000|RecordNumber:757026
RecordNumber:[757000 TO 757100]|SeverityValue:2|SeverityValue>2|Task:10|Task:[10 TO 13]|Signed:true|Signed:"true"|Signed:false|Signature:"-"
SubjectLogonId:0x0|RemoteUserID:S-1-0-0|Details:"Binary Data"|Details:HAM|no.such.field:1|no.such.field:*|NOT no.such.field:*|no.such.field>1
timestamp:2020-08-07|timestamp:[2020-08-07 TO 2020-08-08]|timestamp>=2022-01-01|timestamp<2006-01-01|@timestamp:>="2020-08-07T14:33:00Z"
timestamp:["2015-05-17T10:00:00Z" TO "2015-05-18T00:00:00Z"}|timestamp:"2020-08-07T14:32:22.692Z"|tags:*|tags:x|problem:*|raw:*|raw:GET
problem:line|upload_id:*|trace_id:x|id:nonsense|pattern:*|NOT pattern:*
""".replace("\n", "|")

TOGETHER = """
error AND source:apache|error source:apache|error -source:apache|error NOT source:apache|level:error OR level:critical|NOT error|-error|!error
(root OR admin) AND "Failed password"|"Failed password" -root|"Failed password" AND NOT user:*|source:web http.response.status_code>=400 -favicon
source:(auth OR openssh) AND (invalid OR illegal)|invalid user AND NOT (root OR test OR admin)|NOT (source:web OR source:windows)
(level>=warning AND source:spark) OR (source:zookeeper AND level:warning)|source:windows EventID:10 SourceImage:*svchost.exe
source:windows AND NOT EventID:10 AND NOT EventID:12|NOT NOT error|NOT (NOT error)|(error)|((error AND state))|error OR nothing_here
error AND nothing_here|error OR NOT error|error AND NOT error|level:error AND /state 6/|/state 6/ OR /state 7/|NOT /[a-z]/|/[a-z]/ AND source:hdfs
source:apache AND NOT /error/|(fail* OR invalid) AND host:LabSZ|client.ip:66.249.0.0/16 AND url.path:*.html|NOT client.ip:0.0.0.0/0 AND source:web
NOT process.pid>100 AND process.pid:*|-process.pid:*|source:hdfs +block -terminating|"-->" OR source:apache|NOT "::" AND source:windows
timestamp>=2020-08-01 AND timestamp<2020-08-08 AND powershell|source:linux (ftpd OR su) -root|EventID:(1 OR 3) OR (EventID:11 AND Image:*powershell*)
""".replace("\n", "|")


def queries() -> list[str]:
    """Every query once, in order."""
    texts = [text.strip() for part in (WORDS, PATTERNS, FIELDS, TOGETHER) for text in _split(part)]
    return list(dict.fromkeys(["", *filter(None, texts)]))


def _split(part: str) -> list[str]:
    """At `|`, but for those between slashes or in quotes."""
    found, current, inside = [], "", ""
    for before, character in zip(" " + part, part, strict=False):
        if character in '/"' and before != "\\" and (inside == character or (not inside and before in '| :("' + "\n")):
            inside = "" if inside else character
        if character == "|" and not inside:
            found.append(current)
            current = ""
        else:
            current += character
    return [*found, current]


AGGREGATED = (
    "",
    "error",
    "source:web",
    "source:windows",
    "Failed password",
    "level>=warning",
    "/state [0-9]+/",
    "NOT service:*",
)
"""Queries whose matches are counted by everything."""

HOUR, DAY = 3_600, 86_400

AGGREGATIONS = (
    Aggregation(),
    Aggregation(("time",), DAY),
    Aggregation(("time", "level"), 30 * DAY),
    Aggregation(("time",), calendar="month"),
    Aggregation(("time",), calendar="week", zone="Europe/Berlin"),
    Aggregation(("time", "source"), calendar="year", zone="America/New_York", limit=3, with_other=True),
    Aggregation(("level",)),
    Aggregation(("source",), limit=5),
    Aggregation(("service",), limit=5, with_other=True),
    Aggregation(("host", "source"), limit=4),
    Aggregation(("service", "level"), limit=3, with_other=True),
    Aggregation(("process.pid",), limit=15),
    Aggregation(("EventID",), limit=8, with_other=True),
    Aggregation(("client.ip",), limit=10),
    Aggregation(("url.path",), limit=7, with_other=True),
    Aggregation(("http.response.status_code", "http.request.method"), limit=6),
    Aggregation(("SourceImage", "TargetImage"), limit=4, with_other=True),
    Aggregation(("time", "EventID"), calendar="day", limit=5),
    Aggregation((), metric="max", field="process.pid"),
    Aggregation((), metric="min", field="process.pid"),
    Aggregation(("source",), metric="sum", field="process.pid"),
    Aggregation(("source",), metric="avg", field="EventID"),
    Aggregation(("level",), metric="p95", field="process.pid"),
    Aggregation((), metric="p50", field="http.response.body.bytes"),
    Aggregation(("http.request.method",), metric="p99", field="http.response.body.bytes"),
    Aggregation(("source",), metric="distinct", field="host"),
    Aggregation((), metric="distinct", field="client.ip"),
    Aggregation(("time",), calendar="quarter", metric="distinct", field="user.name"),
    Aggregation(("Protocol",), metric="max", field="SourcePort"),
    Aggregation(("Keywords",), limit=6),
)

MIDDLE = datetime(2015, 5, 18, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
"""A range of time that begins and ends in the midst of the records."""
