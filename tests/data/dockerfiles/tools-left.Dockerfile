FROM python:3.13-slim
RUN apt-get update && apt-get install -y gcc libpq-dev
RUN pip install psycopg2==2.9.9
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
