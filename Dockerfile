FROM python:3.11-slim
WORKDIR /elkvision
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN useradd --system --create-home elkvision && mkdir /data && chown elkvision /data
USER elkvision
ENV HOST=0.0.0.0 DATA_DIR=/data
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "app"]
